"""The latents that MToV's UNet learns from: of clips of frames at every few starts (MoDiTalker specification, sections 6.1, 14.5)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoints import load_weights, read_weights
from models.moditalker.clips import masked_clip, video_clip
from models.moditalker.face3d import align_motion, read_face3d
from models.moditalker.presets import PRESETS
from models.precision import autocast
from models.system import Clip
from toolkit.media.frames import read_frames

BATCH = 4  # clips of frames encoded at once


class AutoEncoder(Protocol):
    """One of the two auto-encoders, of clips of `frames` frames of `size` pixels."""

    size: int
    frames: int

    def encode(self, video: Tensor) -> Tensor:
        """video (n, 3, t, h, w) in [-1, 1] -> latent (n, c, positions)."""

    def decode(self, latent: Tensor) -> Tensor:
        """latent (n, c, positions) -> video (n, 3, t, h, w)."""


class Assembly(NamedTuple):
    """How the network's videos (3, t, size, size) in [-1, 1] are made of frames (h, w, 3) uint8 and landmarks in their pixels.

    video   (frames, size): as they are
    masked  (frames, points (t, 68, 2), size): blank from the base of the nose down
    raster  (points (t, 68, 2), side of the frames, size): the landmarks alone
    """

    video: Callable[[Sequence[np.ndarray], int], Tensor]
    masked: Callable[[Sequence[np.ndarray], np.ndarray, int], Tensor]
    raster: Callable[[np.ndarray, int, int], Tensor]


class Latents:
    """Latents (n, c, positions) float32 of clips of frames, by the auto-encoder `rgb` of pictures and `motion` of landmarks."""

    def __init__(self, rgb: AutoEncoder, motion: AutoEncoder, assembly: Assembly, precision: str = "float32") -> None:
        self.rgb, self.motion, self.assembly, self.precision = rgb, motion, assembly, precision

    def video(self, clips: Iterable[Sequence[np.ndarray]]) -> Tensor:
        """Of the frames of each clip."""
        return self._encode(self.rgb, [self.assembly.video(frames, self.rgb.size) for frames in clips])

    def masked(self, clips: Iterable[Sequence[np.ndarray]], points: Iterable[np.ndarray]) -> Tensor:
        """Of the frames of each clip without what the landmarks say is to be painted."""
        pairs = zip(clips, points, strict=True)
        return self._encode(self.rgb, [self.assembly.masked(*pair, self.rgb.size) for pair in pairs])

    def motion_of(self, points: Iterable[np.ndarray], side: int) -> Tensor:
        """Of the landmarks of each clip, in pixels of pictures with that side."""
        return self._encode(self.motion, [self.assembly.raster(clip, side, self.motion.size) for clip in points])

    def reference(self, pictures: Iterable[np.ndarray]) -> Tensor:
        """Of clips in which one picture stands still."""
        return self.video([picture] * self.rgb.frames for picture in pictures)

    def decode(self, latents: Tensor) -> Tensor:
        """The video (n, 3, t, size, size) float32 of latents."""
        with autocast(self.rgb, self.precision):
            return self.rgb.decode(latents).float()

    def _encode(self, network: AutoEncoder, videos: list[Tensor]) -> Tensor:
        device = next(network.parameters()).device
        with autocast(network, self.precision):
            return network.encode(torch.stack(videos).to(device)).float()


@lru_cache(maxsize=2)  # a training set's clips are encoded one by one, by both auto-encoders
def load_autoencoder(path: Path, stage: str, preset: str, device: str | torch.device) -> nn.Module:
    """The auto-encoder that a stage has trained, with weights from a file, for inference."""
    network = PRESETS[stage][preset].build()
    load_weights(network, read_weights(path), path)
    return network.to(device).eval().requires_grad_(False)


def assembly(preset: str) -> Assembly:
    """How videos are made that the auto-encoders of a preset have learnt from."""
    return Assembly(video_clip, masked_clip, PRESETS["motion_autoencoder"][preset].raster())


def rgb_stage(weights: Mapping[str, Path]) -> str:
    """The stage whose weights encode pictures: the last one trained on them that there are weights of."""
    return "rgb_autoencoder_gan" if "rgb_autoencoder_gan" in weights else "rgb_autoencoder"


def load_latents(
    weights: Mapping[str, Path], preset: str, device: str | torch.device, precision: str = "float32"
) -> Latents:
    """Both auto-encoders of a preset, with weights by stage."""
    stages = (rgb_stage(weights), "motion_autoencoder")
    networks = [load_autoencoder(weights[stage], stage, preset, device) for stage in stages]
    return Latents(*networks, assembly(preset), precision)


def encode(weights: dict[str, Path], preset: str, clip: Clip, device: str | torch.device) -> dict[str, Tensor]:
    """The table of `encode_clip` for a clip's view, by the auto-encoders trained so far.

    Its landmarks are those that sampling has: its own 3D motion, brought back into the view.
    """
    face, latents = read_face3d(clip["face3d"]), load_latents(weights, preset, device)
    points = align_motion(face.motion, face, np.arange(len(face.motion)))
    return encode_clip(latents, read_frames(clip["view"]), points, clip.ok, PRESETS["mtov"][preset].stride)


def encode_clip(
    latents: Latents, frames: Iterable[np.ndarray], points: np.ndarray, ok: np.ndarray, stride: int
) -> dict[str, Tensor]:
    """Latents (n, c, positions) float16 on the CPU of the clips that begin at every `stride`-th frame and show a face throughout.

    frames (h, w, 3) uint8 of one size, with their landmarks points (T, 68, 2) in their pixels and ok (T,). `image` is the
    clip, `masked` without the lower face, `landmarks` the raster, `reference` the clip's first frame standing still; `starts` (n,) the
    number of that frame. float16, which halves the files, is a thousandth off. Where no clip is long enough n is 0.
    """
    length = latents.rgb.frames
    chosen = [start for start in range(0, len(ok) - length + 1, stride) if ok[start : start + length].all()]
    found = {"image": [], "masked": [], "landmarks": [], "reference": []}
    clips_of_frames = windows(frames, length, chosen)
    while batch := list(islice(clips_of_frames, BATCH)):
        starts, clips = zip(*batch, strict=True)
        placed = [points[start : start + length] for start in starts]
        with torch.inference_mode():
            found["image"].append(latents.video(clips))
            found["masked"].append(latents.masked(clips, placed))
            found["landmarks"].append(latents.motion_of(placed, clips[0][0].shape[0]))
            found["reference"].append(latents.reference(clip[0] for clip in clips))
    table = {name: torch.cat(parts).half().cpu() if parts else torch.empty(0) for name, parts in found.items()}
    return table | {"starts": torch.tensor(chosen, dtype=torch.int64)}


def windows(frames: Iterable[np.ndarray], length: int, starts: Sequence[int]) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Yield each start, in rising order, with the `length` frames from there on; no more frames are held than that."""
    waiting, held = deque(starts), deque(maxlen=length)
    for number, frame in enumerate(frames):
        if not waiting:
            return
        held.append(frame)
        if number == waiting[0] + length - 1:
            yield waiting.popleft(), list(held)
