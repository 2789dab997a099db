"""What a frame is made from besides noise: motion frames, and the speech around it (Diffused Heads specification, sections 3.3, 6)."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

REACH = 2  # frames of speech to either side
GREY = (0.2989, 0.587, 0.114)
BLUR = 2.0  # standard deviation of the optional blur of motion frames, pixels


def motion_numbers(target: int, identity: int, count: int = 2) -> np.ndarray:
    """(count,) the frames before the target, oldest first; where the clip has none, the identity frame."""
    numbers = np.arange(target - count, target)
    return np.where(numbers < 0, identity, numbers)


def speech_numbers(frame: int, length: int, reach: int = REACH) -> np.ndarray:
    """(2 reach + 1,) the embeddings around a frame; beyond a clip of `length` its first and its last are repeated."""
    return np.clip(np.arange(frame - reach, frame + reach + 1), 0, length - 1)


def motion_picture(image: Tensor, channels: int) -> Tensor:
    """A frame (n, 3, h, w) as the network sees it later as a motion frame: in colour (3 channels) or grey (1)."""
    if channels == 3:
        return image
    weights = torch.tensor(GREY, dtype=image.dtype, device=image.device)
    return (image * weights[:, None, None]).sum(dim=1, keepdim=True)


def blurred(image: Tensor, sigma: float = BLUR, size: int = 5) -> Tensor:
    """A frame (n, c, h, w) under a Gaussian of size x size pixels, mirrored at its edges."""
    places = torch.arange(size, dtype=image.dtype, device=image.device) - size // 2
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    line = (weights / weights.sum()).expand(image.shape[1], 1, 1, size)
    padded = functional.pad(image, [size // 2] * 4, mode="reflect")
    rows = functional.conv2d(padded, line, groups=image.shape[1])
    return functional.conv2d(rows, line.transpose(2, 3), groups=image.shape[1])
