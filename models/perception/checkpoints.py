"""The published files of the networks that measure: where they are, what they become (specs/metrics.md section 1.3).

| network | file | becomes |
|---|---|---|
| syncnet, s3fd, inception, i3d | a plain state dict | the same |
| lpips_alex, lpips_vgg | torchvision's ImageNet file | its `features.*`, and the learnt vectors, which torchmetrics' wheel contains |
| niqe | BasicSR's source archive, or the .npz in it | its three arrays |
| arcface | InsightFace's archive, or the .onnx in it | the graph's bytes, as `onnx` (see `models.perception.arcface`) |
"""

import hashlib
import io
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoints import (
    PublishedFile,
    check_names,
    load_weights,
    published_shapes,
    read_state_dict,
    read_weights,
)
from models.perception.i3d import I3D
from models.perception.inception import Inception
from models.perception.lpips import LPIPS
from models.perception.s3fd import S3FD
from models.perception.syncnet import SyncNet
from toolkit import devices
from toolkit.archives import read_member
from toolkit.errors import InputError

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "syncnet": SyncNet,
    "s3fd": S3FD,
    "inception": Inception,
    "i3d": I3D,
    "lpips_alex": partial(LPIPS, "alex"),
    "lpips_vgg": partial(LPIPS, "vgg"),
}

_OXFORD = "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data"
_TORCH = "https://download.pytorch.org/models"
_PYTORCH_FID = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"
_TORCH_FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"
_I3D = "https://drive.usercontent.google.com/download?id=1fBNl3TS0LA5FEhZv5nMGJs2_7qQmvTmh&export=download&confirm=t"
_INSIGHTFACE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
_BASICSR = "https://files.pythonhosted.org/packages/86/41/00a6b000f222f0fa4c6d9e1d6dcc9811a374cabb8abb9d408b77de39648c"

# Files that are published inside an archive, whose own digest is not known: theirs.
_NIQE = "niqe_pris_params.npz"
_ARCFACE = "w600k_r50.onnx"
_MEMBERS = {
    _NIQE: "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
    _ARCFACE: "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
}

PUBLISHED = {
    "syncnet": PublishedFile(
        _OXFORD,
        ("syncnet_v2.model",),
        "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
        licence="not stated (the code that reads it: MIT)",
    ),
    "s3fd": PublishedFile(
        _OXFORD,
        ("sfd_face.pth",),
        "d54a87c2b7543b64729c9a25eafd188da15fd3f6e02f0ecec76ae1b30d86c491",
        licence="not stated (the code that reads it: MIT)",
    ),
    "inception": PublishedFile(
        _PYTORCH_FID,
        ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth"),
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        licence="Apache-2.0 (of the project that publishes it)",
    ),
    "i3d": PublishedFile(
        "https://drive.google.com", ("i3d_pretrained_400.pt",), licence="not stated (of the original: Apache-2.0)"
    ),
    "lpips_alex": PublishedFile(
        _TORCH,
        ("alexnet-owt-7be5be79.pth",),
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        licence="BSD-3-Clause (trunk: torchvision), BSD-2-Clause (vectors: LPIPS)",
    ),
    "lpips_vgg": PublishedFile(
        _TORCH,
        ("vgg16-397923af.pth",),
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        licence="BSD-3-Clause (trunk: torchvision), BSD-2-Clause (vectors: LPIPS)",
    ),
    "niqe": PublishedFile(
        _BASICSR,
        ("basicsr-1.4.2.tar.gz", _NIQE),
        licence="Apache-2.0 (of BasicSR; the numbers are those of the LIVE laboratory's release)",
    ),
    "arcface": PublishedFile(
        _INSIGHTFACE, ("buffalo_l.zip", _ARCFACE), licence="non-commercial research only (InsightFace's models)"
    ),
}

# Files that do not lie in their network's folder under their own name.
_ELSEWHERE = {
    "i3d_pretrained_400.pt": _I3D,
    "weights-inception-2015-12-05-6726825d.pth": f"{_TORCH_FIDELITY}/weights-inception-2015-12-05-6726825d.pth",
}

_NIQE_SHAPES = {"mu_pris_param": (1, 36), "cov_pris_param": (36, 36), "gaussian_window": (7, 7)}


def address(network: str, name: str) -> str:
    """The web address of a network's file of this name."""
    return _ELSEWHERE.get(name, f"{PUBLISHED[network].folder}/{name}")


@lru_cache(maxsize=len(NETWORKS))
def load(network: str, path: Path) -> nn.Module:
    """A network with its converted weights, in eval mode, on this process's GPU if it has one, in full float32; loaded
    once in a process, however many videos it measures."""
    torch.backends.cudnn.allow_tf32 = (
        False  # else convolutions on a GPU have 10 bits, and scores a third digit of their own
    )
    built = NETWORKS[network]()
    load_weights(built, read_weights(path), path)
    return built.eval().requires_grad_(False).to(devices.device())


def convert(network: str, path: str | Path) -> dict[str, Tensor]:
    """State dict of our network from the published file, by our names; for "niqe" its arrays, float64, for "arcface" a
    graph's bytes, uint8.

    Raises InputError where the file is another one or its tensors are not those of the published network.
    """
    if network == "niqe":
        return _niqe(Path(path))
    if network == "arcface":
        return {"onnx": torch.frombuffer(bytearray(_content(Path(path), _ARCFACE)), dtype=torch.uint8)}
    tensors = read_state_dict(path)
    if network.startswith("lpips_"):
        trunk = {name: value for name, value in tensors.items() if name.startswith("features.")}
        tensors = trunk | learnt_vectors(network.removeprefix("lpips_"))
    check_names(tensors, published_shapes(NETWORKS[network]), path)
    return tensors


def learnt_vectors(trunk: str) -> dict[str, Tensor]:
    """LPIPS' five vectors for a trunk ("alex" or "vgg"), `lin0` to `lin4`, from torchmetrics, which is not imported."""
    for file in metadata.files("torchmetrics") or []:
        if file.parts[-2:] == ("lpips_models", f"{trunk}.pth"):
            return read_state_dict(Path(file.locate()))
    raise InputError(f"lpips_models/{trunk}.pth", "is not in the installed torchmetrics", "pip install torchmetrics")


def _niqe(path: Path) -> dict[str, Tensor]:
    """NIQE's parameters from the .npz, or from an archive that holds it."""
    with np.load(io.BytesIO(_content(path, _NIQE))) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    check_names(tensors, _NIQE_SHAPES, path)
    return tensors


def _content(path: Path, name: str) -> bytes:
    """The published file `name` of `_MEMBERS`, alone or in an archive; raises InputError where it is another one."""
    _, content = read_member(path, (name,))
    digest = hashlib.sha256(content).hexdigest()
    if digest != _MEMBERS[name]:
        problem = f"has, as {name}, the SHA-256 {digest} and not {_MEMBERS[name]}"
        raise InputError(path, problem, "Give the published file")
    return content
