import multiprocessing
import os
import pickle

import cv2
import numpy as np
import pytest

from tests.toolkit.media.synthetic_clips import draw, even_times, make_clip, number_in
from toolkit.errors import InputError
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.resample import resample_video
from toolkit.media.writer import KEY_INTERVAL, write_video

FRAMES = 120
COLOURS = [(200, 40, 90), (30, 180, 60), (20, 50, 220), (250, 240, 20), (110, 110, 110), (230, 180, 150)]


def patches(height: int = 64) -> np.ndarray:
    """Six coloured patches side by side."""
    return np.repeat(np.repeat(np.array([COLOURS], np.uint8), height, axis=0), height, axis=1)


def patch_colours(picture: np.ndarray) -> np.ndarray:
    """(6, 3) what is in the middle of each patch."""
    side = picture.shape[1] // 6
    return picture[picture.shape[0] // 2, side // 2 :: side].astype(int)


@pytest.fixture(scope="module", params=[False, True], ids=["key frames apart", "intra"])
def video(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("frames") / "video.mp4"
    assert write_video(path, map(draw, range(FRAMES)), intra=request.param) == FRAMES
    return path


def test_every_frame_in_order(video):
    assert [number_in(frame) for frame in read_frames(video)] == list(range(FRAMES))


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (1, 2), (24, 27), (60, None), (119, 120), (50, 50), (120, None)])
def test_part_of_a_video(video, start, stop):
    assert [number_in(frame) for frame in read_frames(video, start, stop)] == list(range(FRAMES))[start:stop]


@pytest.mark.parametrize(
    "order",
    [range(FRAMES), range(FRAMES - 1, -1, -1), np.random.default_rng(1).permutation(FRAMES).tolist(), [7, 7, 8, 7, 33]],
    ids=["forward", "backward", "random", "again"],
)
def test_any_order(video, order):
    expected = list(read_frames(video))
    with FrameReader(video) as reader:
        assert len(reader) == FRAMES
        for number in order:
            assert np.array_equal(reader[number], expected[number])
            assert len(reader._held) <= KEY_INTERVAL


@pytest.mark.parametrize("number", [-1, FRAMES])
def test_a_frame_that_is_not_there(video, number):
    with FrameReader(video) as reader, pytest.raises(IndexError):
        reader[number]


def _numbers(reader, numbers, answers):
    answers.put((os.getpid(), [number_in(reader[number]) for number in numbers]))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_reader_in_worker_processes(video, method):
    reader = FrameReader(video)
    assert number_in(reader[3]) == 3  # open here first, at a place of its own
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    wanted = [[5, 90, 17], [80, 6, 44]]
    workers = [context.Process(target=_numbers, args=(reader, numbers, answers)) for numbers in wanted]
    for worker in workers:
        worker.start()
    got = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sorted(numbers for _, numbers in got) == sorted(wanted)
    assert os.getpid() not in [process for process, _ in got]
    assert number_in(reader[4]) == 4
    assert number_in(pickle.loads(pickle.dumps(reader))[100]) == 100  # noqa: S301


def test_every_frame_is_a_key_frame_where_asked(video):
    import av

    with av.open(str(video)) as container:
        kinds = [frame.key_frame for frame in container.decode(video=0)]
    steps = np.diff(np.flatnonzero(kinds))
    assert steps.max() == (1 if all(kinds) else KEY_INTERVAL)


@pytest.mark.parametrize("crf", [4, 14, 18])
def test_colours_survive_writing_and_reading(tmp_path, crf):
    picture = patches()
    for generation in range(4):  # clip, crop, sample, deliverable
        write_video(tmp_path / "video.mp4", [picture] * 5, crf=crf)
        picture = list(read_frames(tmp_path / "video.mp4"))[2]
        assert np.abs(patch_colours(picture) - COLOURS).max() <= 3, generation


@pytest.mark.parametrize(("height", "matrix"), [(64, "bt470bg"), (64, "bt709"), (64, None), (720, None)])
def test_colours_survive_resampling_from_any_matrix(tmp_path, height, matrix):
    from av.video.reformatter import Colorspace

    from toolkit.media.colour import untagged_matrix

    picture = patches(height)
    codes = {"bt470bg": Colorspace.ITU601, "bt709": Colorspace.ITU709, None: untagged_matrix(height)}
    source = tmp_path / "source.mp4"
    make_tagged(source, picture, codes[matrix], tagged=matrix is not None)
    assert np.abs(patch_colours(next(read_frames(source))) - COLOURS).max() <= 3
    resample_video(source, tmp_path / "clip.mp4")
    assert np.abs(patch_colours(next(read_frames(tmp_path / "clip.mp4"))) - COLOURS).max() <= 3


def make_tagged(path, picture, matrix, *, tagged):
    """A clip in the given colour matrix that says so, or does not."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4", "preset": "veryfast"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        if tagged:
            stream.codec_context.colorspace = int(matrix)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=matrix, dst_color_range=1
            )
            frame.colorspace, frame.pts = int(matrix) if tagged else 2, number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_frames_may_not_be_odd_or_change(tmp_path):
    with pytest.raises(ValueError, match="even"):
        write_video(tmp_path / "a.mp4", [draw(1, 65, 96)])
    with pytest.raises(ValueError, match="frame 1"):
        write_video(tmp_path / "a.mp4", [draw(1), draw(2, 64, 98)])
    with pytest.raises(ValueError, match="no frames"):
        write_video(tmp_path / "a.mp4", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_portrait_is_turned_upright(tmp_path, orientation):
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]  # EXIF: how often the stored picture was turned counter-clockwise
    stored = np.ascontiguousarray(np.rot90(draw(1234), turns))
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(stored, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + b"\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "face.jpg").write_bytes(jpeg.tobytes()[:2] + segment + jpeg.tobytes()[2:])
    (frame,) = read_frames(tmp_path / "face.jpg")
    assert frame.shape == (64, 96, 3)
    assert number_in(frame) == 1234


def test_a_video_without_pictures_is_an_input_error(tmp_path):
    make_clip(tmp_path / "sound.mp4", None, sound=np.zeros(48_000, np.float32))
    with pytest.raises(InputError, match="no video track"):
        next(read_frames(tmp_path / "sound.mp4"))


def test_memory_stays_flat(tmp_path):
    """Reading backwards through a long video holds no more than the pictures between two key frames."""
    make_clip(tmp_path / "long.mp4", even_times(25, 20))
    resample_video(tmp_path / "long.mp4", tmp_path / "clip.mp4")
    with FrameReader(tmp_path / "clip.mp4") as reader:
        held = [len(reader._held) for number in range(len(reader) - 1, -1, -1) if reader[number] is not None]
    assert max(held) <= KEY_INTERVAL
