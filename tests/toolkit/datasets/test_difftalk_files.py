import numpy as np
import pytest

from tests.toolkit.datasets.difftalk_folder import face, window, write_folder, write_lines
from toolkit.datasets.difftalk_files import (
    LONGEST_GAP,
    are_normalised,
    held_frames,
    lacks_context,
    landmarks_of,
    read_landmarks,
    read_layout,
    read_window,
    window_files,
)
from toolkit.errors import InputError


def test_identities_and_frames_in_the_order_of_their_numbers(tmp_path):
    data = write_folder(tmp_path / "data", {10: range(1, 12), 2: range(1, 3)}, sides={"train": [2], "test": [10]})
    (data / "HDTF/images/notes.txt").touch()
    layout = read_layout(data)
    assert {identity: list(frames) for identity, frames in layout.images.items()} == {2: [1, 2], 10: list(range(1, 12))}
    assert layout.first_number == 1
    assert [layout.split(identity) for identity in (2, 10, 3)] == ["train", "test", None]
    assert read_layout(data / "HDTF").images == layout.images


def test_lists_where_the_users_preprocessing_writes_them(tmp_path):
    data = write_folder(tmp_path / "data", {0: range(3), 1: range(3)}, sides={"train": [0]})
    (data / "data_train.txt").rename(data / "HDTF/data_train.txt")
    layout = read_layout(data)
    assert layout.first_number == 0
    assert [layout.split(identity) for identity in (0, 1)] == ["train", None]
    (data / "HDTF/data_train.txt").unlink()
    assert read_layout(data).split(0) == ""


def test_counts_are_read_by_their_first_field(tmp_path):
    """By line, as the published code reads, identity 0 would have the last one's count and each other one its neighbour's."""
    layout = read_layout(write_folder(tmp_path / "data", {0: range(2), 1: range(3), 2: range(4)}))
    assert layout.counts == {0: 2, 1: 3, 2: 4}
    assert any("identity 0 is not on line 0" in note for note in layout.notes)
    published = read_layout(write_folder(tmp_path / "published", {1: range(1, 3), 2: range(1, 4)}))
    assert published.notes == []


def test_what_lists_say_of_files_that_are_not_there(tmp_path):
    data = write_folder(tmp_path / "data", {1: range(1, 5)}, sides={"train": [1]})
    (data / "HDTF/images/1_3.jpg").unlink()
    words = " ".join(read_layout(data).notes)
    assert "data_train.txt: 1 frames have no image, for example 1_3" in words
    assert "identity 1: 3, not 4" in words


def test_an_identity_on_both_sides(tmp_path):
    layout = read_layout(write_folder(tmp_path / "data", {1: range(1, 5)}, sides={"train": [1], "test": [1]}))
    with pytest.raises(InputError, match=r"identity 1: is in data_train.txt and in data_test.txt"):
        layout.split(1)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("data_train.txt", "1_1\n../../etc/passwd\n", "line 2: '../../etc/passwd' is no frame"),
        ("HDTF/data.txt", "1 4\n2\n", "line 2: '2' is no count"),
        ("HDTF/data.txt", "a 4\n", "line 1: 'a 4' is no count"),
    ],
)
def test_lists_of_another_form(tmp_path, name, text, problem):
    data = write_folder(tmp_path / "data", {1: range(1, 3)})
    (data / name).write_text(text)
    with pytest.raises(InputError, match=problem):
        read_layout(data)


def test_names_of_clips_that_leave_the_folder_are_not_taken(tmp_path):
    data = write_folder(tmp_path / "data", {1: range(1, 3), 2: range(1, 3)})
    (data / "HDTF/identities.tsv").write_text("identity\tclip\n1\t../../x\n2\tann\nx\ty\n")
    assert read_layout(data).clips == {2: "ann"}


def test_other_folders(tmp_path):
    with pytest.raises(InputError, match="has no folder HDTF/images"):
        read_layout(tmp_path)
    (tmp_path / "HDTF/images").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds no N_M.jpg"):
        read_layout(tmp_path)


def test_missing_frames_are_held():
    assert held_frames([1, 2, 3], 1, "identity 1") == [1, 2, 3]
    assert held_frames([3, 4, 7], 1, "identity 1") == [3, 3, 3, 4, 4, 4, 7]
    assert held_frames([0, LONGEST_GAP + 1], 0, "identity 1") == [0] * (LONGEST_GAP + 1) + [LONGEST_GAP + 1]
    for numbers in ([1, LONGEST_GAP + 3], [LONGEST_GAP + 2, LONGEST_GAP + 3]):
        with pytest.raises(InputError, match=r"identity 1: frames \d to 2\d are missing, 26 in a row"):
            held_frames(numbers, 1, "identity 1")
    with pytest.raises(InputError, match="999999998 in a row"):
        held_frames([0, 999_999_999], 0, "identity 1")


@pytest.mark.parametrize("suffix", [".lms", ".lmd"])
def test_landmarks_in_pixels(tmp_path, suffix):
    data = write_folder(tmp_path / "data", {1: range(1, 4)}, suffix=suffix)
    points = landmarks_of(data / "HDTF/landmarks", 1, [1, 3])
    assert points.shape == (2, 68, 2)
    assert np.abs(points[1] - face(3)).max() < 1e-6
    with pytest.raises(InputError, match=r"no landmarks of 1 of 2 images, for example 1_9\.lms"):
        landmarks_of(data / "HDTF/landmarks", 1, [1, 9])


def test_normalised_landmarks_are_refused_with_what_to_do(tmp_path):
    folder = write_folder(tmp_path / "data", {1: range(1, 4)}) / "HDTF"
    for frame in (1, 2, 3):
        points = face(frame)
        write_lines(folder / f"landmarks/1_{frame}.lms", (points - points.min(0)) / np.ptp(points, axis=0))
    assert are_normalised(read_landmarks(folder / "landmarks/1_1.lms"))
    with pytest.raises(InputError, match=r"are normalised to 0..1, where a network needs pixels.*Detect them again"):
        landmarks_of(folder / "landmarks", 1, [1, 2, 3])
    (folder / "org_landmarks").mkdir()
    with pytest.raises(InputError, match="--landmarks org_landmarks"):
        landmarks_of(folder / "landmarks", 1, [1, 2, 3])


@pytest.mark.parametrize("text", ["", "1 2\n" * 67, "1 2 3\n" * 68, "a b\n" * 68, "nan 1\n" * 68, "1 2\n" * 20_000])
def test_files_that_are_no_landmarks(tmp_path, text):
    (tmp_path / "1_1.lms").write_text(text)
    with pytest.raises(InputError, match=r"1_1\.lms.*68 lines"):
        read_landmarks(tmp_path / "1_1.lms")


def test_speech_without_context_is_refused_with_what_to_do(tmp_path):
    """What 40 ms of sound leave: row 8 alone."""
    folder = write_folder(tmp_path / "data", {1: range(1, 4)}) / "HDTF/audio_smooth"
    bare = np.zeros((8, 16, 29))
    bare[:, 8] = 1
    assert lacks_context(bare)
    assert lacks_context(np.zeros((8, 16, 29)))
    assert not lacks_context(window(1))
    np.save(folder / "1_1.npy", bare)
    assert list(window_files(folder, 1, [1, 2])) == [1, 2]  # one such window is silence, perhaps
    np.save(folder / "1_2.npy", bare)
    with pytest.raises(InputError, match=r"40 ms pieces: 15 of 16 rows are zero in every window.*whole track"):
        window_files(folder, 1, [1, 2])
    with pytest.raises(InputError, match=r"nothing of 1 of 2 images, for example 1_9\.npy"):
        window_files(folder, 1, [3, 9])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (np.zeros((16, 29)), r"shape \(16, 29\), not \(8, 16, 29\)"),
        (np.zeros((8, 16, 29), int), "holds int64"),
        (np.full((8, 16, 29), np.nan), "not finite"),
        (np.array([object()], dtype=object), "cannot be read as an array"),
        (b"", "cannot be read as an array"),
        (b"\x93NUMPY\x01\x00", "cannot be read as an array"),
    ],
)
def test_files_that_are_no_windows(tmp_path, content, problem):
    if isinstance(content, bytes):
        (tmp_path / "1_1.npy").write_bytes(content)
    else:
        np.save(tmp_path / "1_1.npy", content, allow_pickle=True)
    with pytest.raises(InputError, match=problem):
        read_window(tmp_path / "1_1.npy")
