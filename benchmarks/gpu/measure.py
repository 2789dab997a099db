"""On a CPU, afterwards: how the mouths move in the pictures that came back from the GPU machine.

Openings are dlib's, in the true frames as in the made ones, at 256 pixels; the numbers of the learning check
(docs/benchmarks.md). `other` is what a network scores that ignores speech: made with another's lips or speech.
"""

from pathlib import Path

import cv2
import numpy as np

from benchmarks.gpu.sheet import Repainted, read_sheet
from benchmarks.gpu.table import Table
from metrics.metric import NotComputed
from metrics.mouth import mouth_correlation, mouth_spread, opening_track
from toolkit.faces.detectors import get_detector
from toolkit.faces.tracking import track
from toolkit.media.writer import write_video

SIZE = 256  # faces of half that are at the edge of what dlib sees
HOW = "dlib's landmarks"


def measure(out: Path) -> None:
    """Rows for every clip of OUT's sheets, in place of those of an earlier time, and the sheets as videos."""
    table = Table.read(out)
    table.rows = [row for row in table.rows if row["settings"] != HOW]
    table.notes = [note for note in table.notes if HOW not in note]
    for path in sorted(out.glob("*.npz")):
        clips = list(read_sheet(path))
        for clip in clips:
            _measure(table, f"{path.stem}: {clip.name}", clip)
        shown = np.concatenate([np.concatenate(clip[1:], axis=2) for clip in clips])
        write_video(path.with_suffix(".mp4"), shown)
    table.write()


def _measure(table: Table, what: str, clip: Repainted) -> None:
    try:
        truth, made, crossed = (opening(frames) for frames in (clip.truth, clip.made, clip.crossed))
        with_own, other = mouth_correlation(made, truth), mouth_correlation(crossed, truth)
        spread = mouth_spread(made, truth)
    except NotComputed as reason:
        table.note(f"d: {what}, {HOW}: {reason}")
        return
    values = {"mouth correlation": with_own, "mouth spread": spread, "r, other speech": other, "gap": with_own - other}
    for unit, value in values.items():
        table.add("d", "diffdub", what, HOW, value, unit)


def opening(frames: np.ndarray) -> np.ndarray:
    """How far the mouth opens in frames (T, h, w, 3): (T,), over the distance of the outer eye corners."""
    enlarged = (cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for frame in frames)
    found = track(enlarged, get_detector("dlib"))
    return opening_track(found.points, found.ok)
