"""The published files of the speech encoders whose networks are our own (Diffused Heads specification, section 8).

| network | file | becomes |
|---|---|---|
| sda | `audio_encoder.pt` of Diffused Heads' demo, a TorchScript program, read and not run | speech encoder |
| sda_original | `crema.dat`, `grid.dat`, `timit.dat` of SDA: a table of networks, `encoder` among them | another one |

Weights of Diffused Heads belong to `sda`; SDA's own encoders are for networks that are trained on them. Google Drive keeps
the files for people alone, so they are placed by hand, the demo's also as the zip that they come in.
"""

from pathlib import Path

from torch import Tensor

from models.checkpoints import PublishedFile, check_fit, read_state_dict, strip_prefix
from models.speech.sda import AudioEncoder, sizes

_DEMO = "https://drive.google.com/file/d/1U90egQvzERHclTYPCjZadrEMyF7TAPa-/view"
_SDA = "https://drive.google.com/open?id=1pJdsnknLmMLvA8RQIAV3AQH8vU0FeK16"

# Their digests are not published.
PUBLISHED = {
    "sda": PublishedFile("", ("audio_encoder.pt",), licence="CC BY-NC-SA 4.0", pages=(_DEMO,)),
    "sda_original": PublishedFile("", ("crema.dat", "grid.dat", "timit.dat"), pages=(_SDA,)),
}


def address(network: str, name: str) -> str:
    """The web address of a network's file of this name."""
    return f"{PUBLISHED[network].folder}/{name}"


def convert(network: str, path: str | Path) -> dict[str, Tensor]:
    """State dict of our network from a published file; InputError where it is another one."""
    tensors = read_state_dict(path, "encoder")
    known = "encoder.cl.0.weight"
    weights = strip_prefix(tensors, next((name.removesuffix(known) for name in tensors if name.endswith(known)), ""))
    check_fit(weights, AudioEncoder, sizes(weights), path)
    return weights
