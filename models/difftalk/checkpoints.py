"""DiffTalk's checkpoints: the published first stage, and what users trained with the published code (specification, section 11).

| file | holds | becomes |
|---|---|---|
| `vq-f4.zip`, or the `model.ckpt` in it | the first stage, and `loss.*` of its training | first_stage |
| a checkpoint of a training, `last.ckpt` | all networks, a running average of the UNet, the noise schedule | unet; first_stage |

The authors published no network of their own. Our networks bear the published names without their prefixes.
"""

import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from models.checkpoints import PublishedFile, check_names, published_shapes, read_state_dict, strip_prefix
from models.difftalk.first_stage import FirstStage
from models.difftalk.network import DiffTalkNetwork
from models.diffusion import scaled_linear_schedule
from models.diffusion.buffers import buffers
from toolkit.errors import InputError

_MEMBER = "model.ckpt"

# By what each file makes. A user's training holds the first stage, too. No digest is published.
PUBLISHED = {
    "first_stage": PublishedFile(
        "https://ommer-lab.com/files/latent-diffusion",
        ("vq-f4.zip", _MEMBER, "last.ckpt"),
        licence="MIT (code); trained on OpenImages, which has terms of its own",
    ),
    "unet": PublishedFile("", ("last.ckpt",), licence="of whoever trained it"),
}

FIRST_STAGE = "first_stage_model."
_PREFIXES = {
    "unet": "model.diffusion_model.",
    "audio": "cond_stage_model_for_audio.",
    "audio_attention": "cond_stage_model_for_audio_smooth.",
    "landmarks": "cond_stage_model_for_ldm.",
}


def trained_name(name: str) -> str:
    """What a training calls a tensor of `DiffTalkNetwork`."""
    part, _, rest = name.partition(".")
    return _PREFIXES[part] + rest


def average_name(name: str) -> str:
    """What a training calls the running average of a tensor of the UNet: its dots are left out."""
    return "model_ema." + trained_name(name).removeprefix("model.").replace(".", "")


def training_shapes(averaged: bool = True) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all that a training's checkpoint holds, the running averages only where they are wanted."""
    network = published_shapes(DiffTalkNetwork)
    shapes = {trained_name(name): shape for name, shape in network.items()}
    shapes |= {FIRST_STAGE + name: shape for name, shape in published_shapes(FirstStage).items()}
    shapes |= {name: tuple(table.shape) for name, table in buffers(scaled_linear_schedule()).items()}
    if averaged:
        shapes |= {average_name(name): shape for name, shape in network.items() if name.startswith("unet.")}
        shapes |= {"model_ema.decay": (), "model_ema.num_updates": ()}
    return shapes


def convert(stage: str, path: str | Path, *, averaged: bool = True) -> dict[str, Tensor]:
    """State dict of our network from a published file; `stage` is a key of `PUBLISHED`.

    `averaged` takes the UNet's running average, as published sampling does, else the UNet as it was trained last; the
    encoders of conditions have no average. Raises InputError where the file is another one, where its tensors are not
    those of the published networks, and where another noise schedule was trained with.
    """
    tensors = _read(Path(path))
    return _first_stage(tensors, path) if stage == "first_stage" else _network(tensors, path, averaged)


def _read(path: Path) -> dict[str, Tensor]:
    if not zipfile.is_zipfile(path) or path.suffix != ".zip":  # a checkpoint is a zip file, too
        return read_state_dict(path)
    with TemporaryDirectory() as folder:
        unpacked = Path(folder) / _MEMBER
        try:
            with zipfile.ZipFile(path) as archive:
                member = next((name for name in archive.namelist() if Path(name).name == _MEMBER), None)
                if member is None:
                    raise InputError(path, f"holds no {_MEMBER}", f"Give {PUBLISHED['first_stage'].names[0]}")
                with archive.open(member) as content, unpacked.open("wb") as file:
                    shutil.copyfileobj(content, file)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise InputError(path, f"cannot be unpacked ({error})", "Fetch it again") from error
        return {name: tensor.clone() for name, tensor in read_state_dict(unpacked).items()}


def _first_stage(tensors: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    weights = strip_prefix(tensors, FIRST_STAGE)
    weights = weights or {name: value for name, value in tensors.items() if not name.startswith("loss.")}
    check_names(weights, published_shapes(FirstStage), path)
    return weights


def _network(tensors: Mapping[str, Tensor], path: str | Path, averaged: bool) -> dict[str, Tensor]:
    if not any(name.startswith(_PREFIXES["unet"]) for name in tensors):
        raise InputError(path, "is no checkpoint of DiffTalk's training", "Give one that the published code wrote")
    kept = {name: value for name, value in tensors.items() if averaged or not name.startswith("model_ema.")}
    check_names(kept, training_shapes(averaged), path)
    _check_schedule(kept, path)
    weights = {}
    for name in published_shapes(DiffTalkNetwork):
        is_averaged = averaged and name.startswith("unet.")
        weights[name] = kept[average_name(name) if is_averaged else trained_name(name)]
    return weights


def _check_schedule(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    tables = buffers(scaled_linear_schedule())
    other = [
        name for name, table in tables.items() if not torch.allclose(tensors[name].double(), table, rtol=1e-4, atol=0)
    ]
    if other:
        problem = f"was trained with another noise schedule ({', '.join(other)} differ)"
        raise InputError(path, problem, "Give a checkpoint of the published configuration")
