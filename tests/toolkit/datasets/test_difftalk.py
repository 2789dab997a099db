import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.speech.supplied import find_supplied, read_supplied
from tests.toolkit.datasets.difftalk_folder import RATE, face, window, write_folder, write_lines
from tests.toolkit.media.synthetic_clips import number_in
from toolkit.clips import ClipRow, read_clips
from toolkit.datasets.difftalk import join_pieces, main
from toolkit.errors import InputError
from toolkit.media.frames import read_frames

HOME = Path(__file__).parents[3]


def run(data: Path, *options: str | Path) -> tuple[int, list[ClipRow]]:
    table, clips = data.parent / "clips.tsv", data.parent / "clips"
    words = ["--data", data, "--output", table, "--clips-output", clips, *options]
    status = main([str(word) for word in words])
    return status, read_clips(table) if table.exists() else []


def numbers(row: ClipRow) -> list[int]:
    return [number_in(frame) for frame in read_frames(row.video)]


@pytest.mark.parametrize("first", [0, 1])
def test_a_video_and_its_sound_for_each_identity(tmp_path, first):
    """Numbers from 0 and from 1; 10 and 11 come after 9; identity 2 is in no list."""
    frames = range(first, first + 12)
    data = write_folder(
        tmp_path / "data",
        {first: frames, first + 1: frames, first + 2: frames},
        sides={"train": [first], "test": [first + 1]},
    )
    status, rows = run(data)
    assert status == 0
    assert [(row.clip, row.speaker, row.split) for row in rows] == [
        (f"identity_{first}", f"{first}", "train"),
        (f"identity_{first + 1}", f"{first + 1}", "test"),
    ]
    assert numbers(rows[0]) == list(frames)
    sound, rate = soundfile.read(rows[0].audio)
    assert (rate, sound.shape) == (RATE, (12 * RATE // 25,))
    middles = sound[RATE // 50 :: RATE // 25]
    assert np.abs(middles - np.array(frames) / 100).max() < 1e-4
    assert [row.split for row in run(data, "--rest", "train")[1]] == ["train", "test", "train"]


def test_gaps_are_held_and_said(tmp_path, capsys):
    data = write_folder(tmp_path / "data", {1: [2, 3, 6, 7]})
    (data / "HDTF/audio_wav/1_6.wav").unlink()
    status, (row,) = run(data, "--windows", "--landmarks")
    assert status == 0
    assert numbers(row) == [2, 2, 3, 3, 3, 6, 7]
    sound, _ = soundfile.read(row.audio)
    middles = sound[RATE // 50 :: RATE // 25]
    assert np.abs(middles - np.array([0, 2, 3, 0, 0, 0, 7]) / 100).max() < 1e-4  # where it was, or silence
    words = capsys.readouterr().err
    assert "identity 1: 3 of 7 frames are missing" in words
    assert "identity 1: 4 pieces of sound are missing" in words
    with np.load(tmp_path / "clips/landmarks/identity_1.npz") as arrays:
        assert arrays["ok"].tolist() == [False, True, True, False, False, True, True]
        assert np.abs(arrays["points"] - np.stack([face(n) for n in (2, 2, 3, 3, 3, 6, 7)])).max() < 1e-5


def test_a_long_gap_is_refused(tmp_path, capsys):
    data = write_folder(tmp_path / "data", {1: [1, 2, 40], 2: [1, 2]})
    assert run(data) == (1, [])
    assert "identity 1: frames 3 to 39 are missing, 37 in a row" in capsys.readouterr().err
    assert not (tmp_path / "clips").exists()
    assert [row.clip for row in run(data, "--skip")[1]] == ["identity_2"]


def test_windows_serve_as_speech_features_of_the_users_own(tmp_path):
    data = write_folder(tmp_path / "data", {1: range(1, 12)})
    _, (row,) = run(data, "--windows")
    features = read_supplied(find_supplied(tmp_path / "clips/windows", row.clip), frames=11, rate=25)
    assert features.shape == (11, 8, 16, 29)
    assert np.array_equal(features[:, 0, 0, 0], [window(frame)[0, 0, 0] for frame in range(1, 12)])


def test_what_cannot_be_used_is_refused_where_it_is_wanted_and_said_where_not(tmp_path, capsys):
    data = write_folder(tmp_path / "data", {1: range(1, 4)})
    bare = np.zeros((8, 16, 29))
    bare[:, 8] = 1
    for frame in range(1, 4):
        points = face(frame)
        write_lines(data / f"HDTF/landmarks/1_{frame}.lms", (points - points.min(0)) / np.ptp(points, axis=0))
        np.save(data / f"HDTF/audio_smooth/1_{frame}.npy", bare)
    assert run(data, "--windows") == (1, [])
    assert "identity 1 was made of 40 ms pieces" in capsys.readouterr().err
    assert run(data, "--landmarks") == (1, [])
    assert "identity 1 are normalised to 0..1" in capsys.readouterr().err
    status, rows = run(data)
    assert (status, len(rows)) == (0, 1)
    words = capsys.readouterr().err
    assert "landmarks/ is normalised to 0..1, not pixels: not used" in words
    assert "audio_smooth/ was made of 40 ms pieces, without context: not used" in words
    (data / "HDTF/landmarks/1_1.lms").write_text("damaged")
    assert run(data)[0] == 0
    assert "cannot be read as 68 lines" in capsys.readouterr().err


def test_whole_sounds(tmp_path, capsys):
    data = write_folder(tmp_path / "data", {1: range(1, 4), 2: range(1, 4)})
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds/1.mp3").touch()
    assert run(data, "--sounds", tmp_path / "sounds") == (1, [])
    assert "holds no 2.wav" in capsys.readouterr().err
    (tmp_path / "sounds/2.mp4").touch()
    assert [Path(row.audio).name for row in run(data, "--sounds", tmp_path / "sounds")[1]] == ["1.mp3", "2.mp4"]
    for path in (data / "HDTF/audio_wav").glob("2_*"):
        path.unlink()
    assert run(data)[0] == 1
    assert "there is no sound of identity 2" in capsys.readouterr().err


def test_pieces_that_are_none(tmp_path):
    good, other, long, text = (tmp_path / f"{name}.wav" for name in ("good", "other", "long", "text"))
    soundfile.write(good, np.zeros(1764), RATE)
    soundfile.write(other, np.zeros(640), 16_000)
    soundfile.write(long, np.zeros(3 * RATE), RATE)
    text.write_text("no sound")
    for path, problem in ((other, "16000 samples a second"), (long, "no piece of 0.04 s"), (text, "cannot be read")):
        with pytest.raises(InputError, match=problem):
            join_pieces(tmp_path / "out.wav", [good, path])
    assert not (tmp_path / "out.wav").exists()


def test_pieces_stand_where_their_frames_do_at_any_rate(tmp_path):
    """22,050 Hz has 882 samples a frame, 11,025 has 441, 8,010 has 320.4: no drift. Longer and shorter pieces are fitted."""
    for rate in (22_050, 11_025, 8_010):
        pieces = [tmp_path / f"{rate}_{number}.wav" for number in range(50)]
        for number, path in enumerate(pieces):
            soundfile.write(path, np.full(rate // 25 + number % 3 - 1, number / 100), rate)
        assert join_pieces(tmp_path / "out.wav", pieces) == 0
        sound, _ = soundfile.read(tmp_path / "out.wav")
        assert len(sound) == 50 * rate // 25
        middles = ((np.arange(50) + 0.5) * rate / 25).astype(int)
        assert np.abs(sound[middles] - np.arange(50) / 100).max() < 1e-4


def test_a_damaged_picture_is_named(tmp_path, capsys):
    data = write_folder(tmp_path / "data", {1: range(1, 4), 2: range(1, 4)})
    (data / "HDTF/images/1_2.jpg").write_bytes(b"text")
    assert run(data) == (1, [])
    assert "1_2.jpg: is no JPEG picture" in capsys.readouterr().err
    assert [row.clip for row in run(data, "--skip")[1]] == ["identity_2"]


def test_the_command(tmp_path):
    write_folder(tmp_path / "data", {1: range(1, 4)})
    command = [sys.executable, "-m", "toolkit.datasets.difftalk", "--data", str(tmp_path / "data")]
    command += ["--output", str(tmp_path / "t.tsv"), "--clips-output", str(tmp_path / "clips")]
    result = subprocess.run(command, cwd=HOME, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "undecided: 1 clips, 1 speakers" in result.stdout
