"""The speech encoder of Diffused Heads, that of SDA (Vougioukas et al., IJCV 2020): convolutions over the 0.2 s around a
video frame, then a GRU over the frames (specification, sections 3.3 and 3.4).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoints import load_weights, read_weights
from toolkit import devices
from toolkit.speech import Recording, Samples, read_padded
from toolkit.timing import SAMPLES_PER_FRAME

WINDOW = 3200  # samples that one frame takes, 0.2 s at 16 kHz
_BEFORE = (WINDOW - SAMPLES_PER_FRAME) // 2  # of them before the frame's own samples begin
_BLOCK = 750  # windows embedded at once: 30 s

# Strides of the convolutions: 1 ms, then the prime factors of the 200 ms that are left but for the last of them, whose
# place takes a convolution over all 5 positions that remain.
_STRIDES = (16, 2, 2, 2, 5)
_FIRST_KERNEL, _LAST_KERNEL = 80, 5


def audio_windows(samples: Samples, first: int = 0, last: int | None = None) -> np.ndarray:
    """The samples around video frames first..last-1, or for all: (frames, 3200) float32, silence beyond the ends.

    samples: mono 16 kHz float in [-1, 1]; N of them are floor(N / 640) frames. Window k is centred on frame k.
    """
    last = len(samples) // SAMPLES_PER_FRAME if last is None else last
    padded = read_padded(
        samples, first * SAMPLES_PER_FRAME - _BEFORE, (last - 1) * SAMPLES_PER_FRAME + WINDOW - _BEFORE
    )
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::SAMPLES_PER_FRAME]


class WindowEncoder(nn.Module):
    """A window of speech to `code` numbers in -1..1; `channels` are those after the first convolution."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        widths = [1, *(channels * 2**level for level in range(len(_STRIDES)))]
        kernels = [_FIRST_KERNEL, *(2 * stride for stride in _STRIDES[1:])]
        self.cl = nn.ModuleList(
            nn.Conv1d(*widths[level : level + 2], kernel, stride, padding=(kernel - stride + 1) // 2)
            for level, (kernel, stride) in enumerate(zip(kernels, _STRIDES, strict=True))
        )
        self.cl.append(nn.Conv1d(widths[-1], code, _LAST_KERNEL))
        self.activations = nn.ModuleList(nn.Sequential(nn.BatchNorm1d(width), nn.ReLU()) for width in widths[1:])
        self.activations.append(nn.Tanh())

    def forward(self, windows: Tensor) -> Tensor:
        """(n, 3200) -> (n, code)."""
        hidden = windows[:, None]
        for convolution, activation in zip(self.cl, self.activations, strict=True):
            hidden = activation(convolution(hidden))
        return hidden[..., 0]


class AudioEncoder(nn.Module):
    """Windows of speech to one embedding a video frame; the defaults are the published sizes (1.49 M parameters)."""

    def __init__(self, *, channels: int = 16, code: int = 256, width: int = 256, layers: int = 2) -> None:
        super().__init__()
        self.encoder = WindowEncoder(channels, code)
        self.rnn = nn.GRU(code, width, layers, batch_first=True)

    def forward(self, windows: Tensor, lengths: Tensor) -> Tensor:
        """(b, n, 3200) -> (b, n, width). A clip has as many windows as `lengths` (b,) says; past them it gets zeros."""
        embeddings, _ = self.go_on(windows)
        past = torch.arange(windows.shape[1], device=lengths.device) >= lengths[:, None]
        return embeddings.masked_fill(past.to(embeddings.device)[..., None], 0)

    def go_on(self, windows: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(b, n, 3200), which follow on what left `state` behind -> (b, n, width) and the new state (layers, b, width).

        A recording begins without a state. Cut into parts it gives the same embeddings as whole.
        """
        codes = self.encoder(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return self.rnn(codes, state)


@torch.inference_mode()
def embed(encoder: AudioEncoder, samples: Samples, block: int = _BLOCK) -> Iterator[np.ndarray]:
    """Embeddings of a recording, `block` frames at a time: (n, width) float32, floor(samples / 640) rows in all."""
    device = next(encoder.parameters()).device
    frames, state = len(samples) // SAMPLES_PER_FRAME, None
    for first in range(0, frames, block):
        windows = torch.from_numpy(audio_windows(samples, first, min(first + block, frames)).copy())
        embeddings, state = encoder.go_on(windows[None].to(device), state)
        yield embeddings[0].cpu().numpy()


def sizes(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Arguments of `AudioEncoder` as its tensors show them; none, for the published ones, where they do not show."""
    layers = sum(name.startswith("rnn.weight_hh_l") for name in tensors)
    seen = ("encoder.cl.0.weight", "encoder.cl.5.weight", "rnn.weight_hh_l0")
    if not all(name in tensors and tensors[name].ndim > 1 for name in seen):
        return {}
    first, last, recurrent = (tensors[name].shape for name in seen)
    return {"channels": first[0], "code": last[0], "width": recurrent[1], "layers": layers}


def extract(samples: Recording, entry: dict, source: Path) -> Iterator[np.ndarray]:
    """Embeddings of a recording by the encoder in `source`, 25 a second: blocks (n, width) float32."""
    return embed(load(source, devices.device()), samples)


def load(path: str | Path, device: torch.device | str = "cpu") -> AudioEncoder:
    """The encoder in a `.safetensors` file, ready to use. Raises InputError where the file holds anything else."""
    tensors = read_weights(path)
    encoder = AudioEncoder(**sizes(tensors))
    load_weights(encoder, tensors, path)
    return encoder.eval().requires_grad_(False).to(device)
