"""LSE-D, LSE-C and AV offset for full scenes: faces found, tracked and cropped as SyncNet's own pipeline does it
(specs/metrics.md section 9.4), without its lossy copies.

The published scripts drop clips of up to 100 frames, small faces and small pictures in silence. Here the detector sees a
long side of 256 pixels at least, a track may be as short as its clip, no face is too small, and a clip without any track is
scored the direct way (`lse`); `lse_tracks` in the record then is 0.

The measure reads the video twice: what a track is shows at its end, and crops follow boxes smoothed over the frames to
come.
"""

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from scipy.ndimage import median_filter

from metrics.batches import Batches
from metrics.lse import SIZE, LipSync, SyncScore, described
from metrics.measure import Measure, MetricInputs, Value
from toolkit.media.frames import read_frames
from toolkit.timing import SAMPLES_PER_FRAME

if TYPE_CHECKING:
    from models.perception.s3fd import S3FD
    from models.perception.syncnet import SyncNet

SCALE, LONG_SIDE = 0.25, 256  # what the detector sees: this share of the picture, but no fewer pixels than these
THRESHOLD = 0.9
OVERLAP = 0.5  # of a face with the last one of its track
GAP = 25  # frames in which a face may be missed
LEAST = 100  # frames of a published track and shot
CUT = 27.0  # mean change of hue, saturation and value from which on a frame begins a new shot
SMOOTHING = 13  # frames of the median over centres and sizes
ROOM = 0.4  # around the face, of its half size: above none, below twice this
GREY = 110
BATCH = 8  # frames

METRICS = described(
    "_tracked",
    " (tracked)",
    "mean over face tracks, found and cropped by SyncNet's pipeline; a clip without a track counts as it is",
    ("sound", "syncnet", "s3fd"),
    f"S3FD at scale {SCALE} (long side at least {LONG_SIDE}), threshold {THRESHOLD}; tracks of more than {LEAST} frames, or all "
    "of a shorter clip; no smallest face; no lossy step; AV offset of the longest track",
)


class Track(NamedTuple):
    """One face: `boxes` (n, 4) left, top, right, bottom in pixels, of frame `start` and those that follow."""

    start: int
    boxes: np.ndarray

    @property
    def stop(self) -> int:
        return self.start + len(self.boxes)


class TrackedLipSync(Measure):
    """Finds the faces while frames stream by, and scores their tracks in a second pass over the video."""

    def __init__(self, inputs: MetricInputs, network: "SyncNet", detector: "S3FD") -> None:
        self.inputs, self.network, self.detector = inputs, network, detector
        self.faces: list[np.ndarray] = []
        self.cuts: list[int] = []
        self.tracks: list[Track] = []
        self._frames, self._last = 0, np.zeros(0)
        self._batches = Batches(self._find, BATCH)

    def update(self, generated: np.ndarray, reference: np.ndarray | None = None) -> None:
        small = _small_hsv(generated)
        if self._frames and np.abs(small - self._last).mean() >= CUT:
            self.cuts.append(self._frames)
        self._frames, self._last = self._frames + 1, small
        self._batches.add(generated)

    def _find(self, frames: np.ndarray) -> None:
        from models.perception.s3fd import find_faces

        scale = max(SCALE, LONG_SIDE / max(frames.shape[1:3]))
        self.faces += [found[:, :4] for found in find_faces(self.detector, frames, scale, THRESHOLD)]

    def result(self) -> dict[str, Value]:
        self._batches.finish()
        self.tracks = linked(self.faces, self.cuts, min(LEAST, self._frames - 1))
        found = self._scored()
        longest = max(found, key=lambda score: len(score.distances))
        return {
            "lse_d_tracked": float(np.mean([score.min_distance for score in found])),
            "lse_c_tracked": float(np.mean([score.confidence for score in found])),
            "av_offset_tracked": longest.offset,
        }

    def _scored(self) -> list[SyncScore]:
        """The score of each track; where there is none, of the whole frames."""
        if not self.tracks:
            direct = LipSync(self.network, self.inputs.sound)
            for frame in read_frames(self.inputs.generated):
                direct.update(frame)
            return [direct.score()]
        places = [smoothed(track.boxes) for track in self.tracks]
        measures = [
            LipSync(self.network, self.inputs.sound[track.start * SAMPLES_PER_FRAME : track.stop * SAMPLES_PER_FRAME])
            for track in self.tracks
        ]
        for number, frame in enumerate(read_frames(self.inputs.generated)):
            for track, place, measure in zip(self.tracks, places, measures, strict=True):
                if track.start <= number < track.stop:
                    measure.update(face_crop(frame, *place[number - track.start]))
        return [measure.score() for measure in measures]

    def counts(self) -> dict[str, int]:
        return {"lse_tracks": len(self.tracks), "lse_track_frames": sum(len(track.boxes) for track in self.tracks)}


def measure(inputs: MetricInputs) -> TrackedLipSync:
    """Reads the generated frames at their own size."""
    from models.perception.checkpoints import load

    return TrackedLipSync(inputs, *(load(name, inputs.weights[name]) for name in ("syncnet", "s3fd")))


def linked(faces: list[np.ndarray], cuts: list[int], least: int) -> list[Track]:
    """The tracks of more than `least` faces, from each frame's faces (m, 4), best first.

    A face goes on the track whose last face it overlaps most, by more than half, at most 25 frames later and in the same
    shot; missing frames are filled by straight lines. `cuts` are the numbers of frames that begin a new shot.
    """
    tracks: list[dict[int, np.ndarray]] = []  # box by frame number
    for number, found in enumerate(faces):
        shot = max((cut for cut in cuts if cut <= number), default=0)
        free = [track for track in tracks if _last(track) >= max(shot, number - GAP)]
        for box in found:
            overlaps = [overlap(box, track[_last(track)]) for track in free]
            if overlaps and max(overlaps) > OVERLAP:
                free.pop(int(np.argmax(overlaps)))[number] = box
            else:
                tracks.append({number: box})
    return [_filled(track) for track in tracks if len(track) > least]


def _last(track: dict[int, np.ndarray]) -> int:
    return next(reversed(track))


def _filled(track: dict[int, np.ndarray]) -> Track:
    numbers, boxes = list(track), np.stack(list(track.values()))
    every = np.arange(numbers[0], numbers[-1] + 1)
    return Track(numbers[0], np.stack([np.interp(every, numbers, edge) for edge in boxes.T], axis=1))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Area of both boxes over area of either."""
    common = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    return float(common / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - common))


def smoothed(boxes: np.ndarray) -> np.ndarray:
    """Centre x, centre y and half size (T, 3) of a track's boxes (T, 4), each by a median over 13 frames; beyond the ends
    are zeros, as published."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return median_filter(np.concatenate((centre, half), axis=1), (SMOOTHING, 1), mode="constant")


def face_crop(frame: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    """The face and its chin and neck, (224, 224, 3) uint8: from `half` above its centre to 1.8 below, 1.4 to either
    side; grey where that is beyond the frame."""
    border = int(half * (1 + 2 * ROOM))
    padded = np.pad(frame, ((border, border), (border, border), (0, 0)), constant_values=GREY)
    x, y = x + border, y + border
    rows = slice(int(y - half), int(y + half * (1 + 2 * ROOM)))
    columns = slice(int(x - half * (1 + ROOM)), int(x + half * (1 + ROOM)))
    return cv2.resize(padded[rows, columns], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def _small_hsv(frame: np.ndarray) -> np.ndarray:
    """Hue (0..179), saturation and value of every k-th pixel, so that no side has more than 512."""
    step = max(1, max(frame.shape[:2]) // LONG_SIDE)
    return cv2.cvtColor(np.ascontiguousarray(frame[::step, ::step]), cv2.COLOR_RGB2HSV).astype(np.int16)
