"""SyncNet's own calibration: its authors' example video and weights, if somebody has placed them in weights/perception.

They publish offset 3, distance 5.353 and confidence 10.021 for it, on frames that went through JPEG; ours do not.
"""

from pathlib import Path

import pytest

from metrics import lse
from metrics.measure import MetricInputs
from models.checkpoints import write_weights
from models.perception.checkpoints import convert
from toolkit.media.audio import extract_sound, read_audio
from toolkit.media.frames import read_frames
from toolkit.media.probe import probe

FOLDER = Path(__file__).parents[2] / "weights" / "perception"


@pytest.mark.slow
def test_example_video(tmp_path):
    video, weights = FOLDER / "example.avi", FOLDER / "syncnet_v2.model"
    if missing := [path.name for path in (video, weights) if not path.exists()]:
        pytest.skip(f"no {' and no '.join(missing)} in weights/perception")
    write_weights(tmp_path / "syncnet.safetensors", convert("syncnet", weights), {})
    extract_sound(video, tmp_path / "sound.wav", zero=probe(video).video_start)
    sound = read_audio(tmp_path / "sound.wav")
    measure = lse.measure(MetricInputs(video, sound=sound, weights={"syncnet": tmp_path / "syncnet.safetensors"}))
    for frame in read_frames(video):
        measure.update(frame, None)
    values = measure.result()
    assert values["av_offset"] == 3
    assert values["lse_d"] == pytest.approx(5.353, abs=0.1)
    assert values["lse_c"] == pytest.approx(10.021, abs=0.2)
