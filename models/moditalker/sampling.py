"""Pictures of a video whose mouth moves as landmarks do that were made of speech (MoDiTalker specification, section 10)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from models.moditalker import timeline
from models.moditalker.encoding import load_latents
from models.moditalker.face3d import align_motion, read_face3d
from models.moditalker.presets import PRESETS
from models.moditalker.video_sampling import Driving, VideoSampler, load_unet
from models.system import Clip, Picture, Request
from toolkit import devices
from toolkit.errors import InputError
from toolkit.media.frames import FrameReader


class MoDiTalker:
    """MToV's networks at a preset, for clips with their pair's `motion`; `options` is the system's `sampling` block."""

    def __init__(self, video: VideoSampler, options: dict) -> None:
        self.video, self.options = video, options

    def prepare(self, request: Request) -> None:
        """Refuse a motion of another length than the speech."""
        made = len(aligned(request.clip))
        if made != request.length:
            problem = f"is a motion of {made} frames, and the speech has {request.length}"
            raise InputError(request.clip["motion"], problem, "Delete the file and let the workflow make it again")

    def sample(self, requests: Sequence[Request], seed: int) -> Iterator[tuple[int, Picture]]:
        """Yield (number of the request, picture (size, size, 3)), one request after the other."""
        for number, request in enumerate(requests):
            for rgb in self.pictures(request.clip, request.length, seed):
                yield number, Picture(rgb)

    def pictures(self, clip: Clip, length: int, seed: int) -> Iterator[np.ndarray]:
        """Yield `length` pictures (size, size, 3) uint8 of the clip's face, its mouth where the aligned motion has it.

        What is painted is said by the frame's own 3D landmarks, as in training.
        """
        face = read_face3d(clip["face3d"])
        points = align_motion(face.motion, face, np.arange(len(face.motion)))
        with FrameReader(clip["view"]) as frames:
            order, shown = timeline(len(points), length, self.options), shown_frame(clip, self.options)
            yield from self.video.pictures(Driving(frames, points, aligned(clip), order, shown), clip.name, seed)


def aligned(clip: Clip) -> np.ndarray:
    """(L, 68, 2) the landmarks of each picture to be made, in the view's pixels."""
    with np.load(clip["motion"], allow_pickle=False) as arrays:
        return arrays["points"]


def shown_frame(clip: Clip, options: dict) -> int:
    """The number of the frame that shows the person: the user's choice, else the first with a face."""
    number = options["reference_frame"]
    return int(np.argmax(clip.ok)) if number is None else min(number, len(clip.ok) - 1)


def load(weights: dict[str, Path], preset: str, options: dict, device: str | torch.device | None = None) -> MoDiTalker:
    """The sampler of a preset with weights of both auto-encoders and of the UNet, on `device` or on the device there is."""
    device = torch.device(device or devices.device())
    latents = load_latents(weights, preset, device, options["precision"])
    video = VideoSampler(latents, load_unet(weights["mtov"], preset, device), PRESETS["mtov"][preset], options)
    return MoDiTalker(video, options)
