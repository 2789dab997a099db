import cv2
import numpy as np
import pytest

from tests.toolkit.media.synthetic_clips import draw, number_in
from toolkit.errors import InputError
from toolkit.media.frames import read_frames
from toolkit.media.motion_jpeg import jpeg_size, write_jpegs
from toolkit.media.probe import probe
from toolkit.media.resample import resample_video

DENSE = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def write_jpeg(path, picture, *options):
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95, *options]
    )
    path.write_bytes(encoded)
    return path


@pytest.mark.parametrize("options", [[], DENSE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]], ids=["420", "444", "progressive"])
def test_pictures_come_out_as_they_went_in(tmp_path, options):
    files = [write_jpeg(tmp_path / f"{number}.jpg", draw(number), *options) for number in range(30)]
    assert write_jpegs(tmp_path / "clip.mkv", files) == 30
    frames = list(read_frames(tmp_path / "clip.mkv"))
    assert [number_in(frame) for frame in frames] == list(range(30))
    expected = cv2.imread(str(files[7]), cv2.IMREAD_COLOR_RGB)
    assert np.abs(frames[7].astype(int) - expected).mean() < 1.5  # decoders differ in how they enlarge colours
    assert probe(tmp_path / "clip.mkv").fps == 25
    assert resample_video(tmp_path / "clip.mkv", tmp_path / "clip.mp4").frames == 30
    assert [number_in(frame) for frame in read_frames(tmp_path / "clip.mp4")] == list(range(30))


@pytest.mark.parametrize("size", [64, 640])
def test_colours_are_jpegs_at_any_size(tmp_path, size):
    """Strong colours: BT.601 taken for BT.709, or full range for limited, moves them by 10 levels and more."""
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [250, 250, 250], [5, 5, 5]], np.uint8)
    picture = np.repeat(colours[:, None], size, axis=1).repeat(size // 5 + 1, axis=0)[:size]
    files = [write_jpeg(tmp_path / "a.jpg", picture, *DENSE)] * 3
    write_jpegs(tmp_path / "clip.mkv", files)
    resample_video(tmp_path / "clip.mkv", tmp_path / "clip.mp4")
    for video, limit in (("clip.mkv", 2), ("clip.mp4", 4)):
        frame = next(read_frames(tmp_path / video)).astype(int)
        middles = frame[size // 10 :: size // 5 + 1, size // 2]
        assert np.abs(middles - colours[: len(middles)]).max() <= limit


def test_other_files_and_sizes_are_refused_by_name(tmp_path):
    good, small = write_jpeg(tmp_path / "a.jpg", draw(1)), write_jpeg(tmp_path / "b.jpg", draw(2, 64, 80))
    with pytest.raises(InputError, match=r"b\.jpg: is a picture of 80 x 64, the first one of 96 x 64"):
        write_jpegs(tmp_path / "clip.mkv", [good, small])
    for content in (b"", b"\xff\xd8", b"text", good.read_bytes()[:100], b"\xff\xd8\xff\xe0\x00\x00" * 9):
        (tmp_path / "c.jpg").write_bytes(content)
        with pytest.raises(InputError, match=r"c\.jpg: is no JPEG"):
            write_jpegs(tmp_path / "clip.mkv", [good, tmp_path / "c.jpg"])
    with pytest.raises(InputError, match=r"d\.jpg: cannot be read"):
        write_jpegs(tmp_path / "clip.mkv", [tmp_path / "d.jpg"])
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jpg"] * 3


def test_a_size_is_that_of_the_frame_header():
    header = b"\xff\xe0\x00\x04ab" + b"\xff\xc2\x00\x0b\x08" + b"\x01\x00\x02\x10" + b"\x01\x01\x11\x00"
    assert jpeg_size("a.jpg", b"\xff\xd8" + header) == (0x210, 0x100)
