"""What is exported and imported again (difftalk_export, difftalk, difftalk_files) is what it was."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from skimage import data

from models.difftalk.windows import speech_windows
from tests.toolkit.datasets.difftalk_folder import face, logits
from toolkit.clips import read_clips
from toolkit.datasets.difftalk import main
from toolkit.datasets.difftalk_export import ExportedClip, check_speech, join_clips, normalise, write_clip
from toolkit.datasets.difftalk_files import are_normalised, landmarks_of, read_layout, read_window
from toolkit.errors import InputError
from toolkit.media.audio import read_audio, write_audio
from toolkit.media.frames import read_frames
from toolkit.timing import SAMPLES_PER_FRAME

LENGTHS = {"ann_01": 12, "bob": 9, "ann_02": 10}


def pictures(name: str) -> np.ndarray:
    """(T, 128, 128, 3): a portrait that moves."""
    portrait = data.astronaut()[:256:2, 96:352:2]
    return np.stack([np.roll(portrait, 2 * number + len(name), axis=1) for number in range(LENGTHS[name])])


def points(name: str) -> np.ndarray:
    return np.stack([face(number + len(name), 128) for number in range(LENGTHS[name])]).astype(np.float32)


def features(name: str) -> np.ndarray:
    return logits(2 * LENGTHS[name], seed=len(name))


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    for name, length in LENGTHS.items():
        samples = np.random.default_rng(length).uniform(-0.5, 0.5, length * SAMPLES_PER_FRAME).astype(np.float32)
        write_audio(folder / f"{name}.wav", samples)
        windows = speech_windows(features(name), range(length), length)
        write_clip(folder / f"clips/{name}", pictures(name), points(name), windows, folder / f"{name}.wav")
    clips = [ExportedClip(name, folder / "clips" / name) for name in LENGTHS]
    short = join_clips(folder / "data", clips, {"train": ["ann_01", "bob"], "test": ["ann_02"]})
    assert short == ["ann_01", "bob"], "the published training needs 122 frames"
    return folder


def test_the_layout_is_that_of_the_published_code(exported):
    folder = exported / "data"
    names = [f"1_{frame}" for frame in range(1, 13)] + [f"2_{frame}" for frame in range(1, 10)]
    assert (folder / "data_train.txt").read_text().splitlines() == names
    assert (folder / "data_test.txt").read_text().splitlines() == [f"3_{frame}" for frame in range(1, 11)]
    assert (folder / "HDTF/data.txt").read_text() == "1 12\n2 9\n3 10\n"  # line k is identity k
    for kind, suffix in [
        ("images", "jpg"),
        ("landmarks", "lms"),
        ("org_landmarks", "lms"),
        ("landmarks_normalised", "lms"),
        ("audio_smooth", "npy"),
    ]:
        files = {path.name for path in (folder / "HDTF" / kind).iterdir()}
        assert files == {f"{name}.{suffix}" for name in [*names, *(f"3_{frame}" for frame in range(1, 11))]}, kind
    lines = (folder / "HDTF/landmarks/1_1.lms").read_text().splitlines()
    assert (len(lines), len(lines[0].split(" "))) == (68, 2)
    window = np.load(folder / "HDTF/audio_smooth/1_1.npy", allow_pickle=False)
    assert (window.shape, window.dtype) == ((8, 16, 29), np.float64)


def test_frames_are_further_names_of_the_clips_files(exported):
    first = exported / "clips/ann_01/images/1.jpg"
    assert first.samefile(exported / "data/HDTF/images/1_1.jpg")
    assert first.stat().st_nlink == 2


def test_imported_again_it_is_what_it_was(exported, tmp_path):
    options = ["--data", exported / "data", "--output", tmp_path / "clips.tsv", "--clips-output", tmp_path / "clips"]
    assert main([*map(str, options), "--windows", "--landmarks"]) == 0
    rows = read_clips(tmp_path / "clips.tsv")
    assert [(row.clip, row.split) for row in rows] == [("ann_01", "train"), ("bob", "train"), ("ann_02", "test")]
    for row in rows:
        frames = np.stack(list(read_frames(row.video))).astype(int)
        difference = np.abs(frames - pictures(row.clip))
        assert difference.mean() < 1.6, "of 255: JPEG at quality 97, colours at full resolution"
        assert difference.max() <= 16
        with np.load(tmp_path / f"clips/landmarks/{row.clip}.npz") as arrays:
            assert np.abs(arrays["points"] - points(row.clip)).max() <= 1e-5, "pixels"
            assert arrays["ok"].all()
        windows = np.load(tmp_path / f"clips/windows/{row.clip}.npy", allow_pickle=False)
        expected = speech_windows(features(row.clip), range(len(frames)), len(frames))
        assert np.array_equal(windows, expected)
        assert np.array_equal(read_audio(row.audio), read_audio(exported / f"{row.clip}.wav"))
        # and once more from what was imported: the windows are passed on
        check_speech(windows, len(frames), row.clip)
        assert np.array_equal(speech_windows(windows, range(len(frames)), len(frames)), expected)


def test_normalised_landmarks_lie_apart_and_are_known_as_such(exported):
    folder = exported / "data/HDTF"
    one = np.loadtxt(folder / "landmarks_normalised/1_1.lms")
    assert are_normalised(one)
    assert np.array_equal([one.min(axis=0), one.max(axis=0)], [[0, 0], [1, 1]])
    assert np.abs(one - normalise(points("ann_01")[0])).max() <= 1e-6
    with pytest.raises(InputError, match="normalised to 0"):
        landmarks_of(folder / "landmarks_normalised", 1, [1, 2])
    assert np.array_equal(landmarks_of(folder / "org_landmarks", 1, [1]), landmarks_of(folder / "landmarks", 1, [1]))


def test_points_on_a_line_have_no_extent_to_be_scaled_by():
    line = np.stack([np.arange(68.0), np.full(68, 5.0)], axis=1)
    assert np.array_equal(normalise(line)[:, 0], np.arange(68) / 67)
    assert not normalise(line)[:, 1].any()


@pytest.mark.parametrize(
    ("shape", "frames", "problem"),
    [
        ((14, 29), 7, "has 7 frames"),
        ((40, 80), 20, r"shape \(40, 80\), DeepSpeech's are \(40, 29\)"),
        ((20, 29), 20, r"shape \(20, 29\)"),
    ],
)
def test_features_of_another_kind_are_refused(shape, frames, problem):
    with pytest.raises(InputError, match=problem):
        check_speech(np.zeros(shape, np.float32), frames, "features/mel/a.npy")


def test_a_clip_is_exported_whole_or_not_at_all(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(640), 16_000)

    def broken():
        yield from pictures("bob")[:5]
        raise OSError("disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_clip(
            tmp_path / "a", broken(), points("bob"), speech_windows(features("bob"), range(9), 9), tmp_path / "a.wav"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_clip_on_both_sides_is_one_identity(exported, tmp_path):
    clip = ExportedClip("bob", exported / "clips/bob")
    join_clips(tmp_path / "data", [clip], {"train": ["bob"], "test": ["bob"]})
    lists = [(tmp_path / f"data/data_{side}.txt").read_text() for side in ("train", "test")]
    assert lists[0] == lists[1]
    assert list(read_layout(tmp_path / "data").images) == [1]
    assert read_window(tmp_path / "data/HDTF/audio_smooth/1_9.npy").any()
