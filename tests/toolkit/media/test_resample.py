from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.toolkit.media.synthetic_clips import click_at, clicks, draw, even_times, make_clip, number_in
from toolkit.errors import InputError
from toolkit.media.audio import count_samples, extract_sound, read_audio
from toolkit.media.box import Box
from toolkit.media.container import opened
from toolkit.media.frames import read_frames
from toolkit.media.probe import probe
from toolkit.media.resample import resample_video
from toolkit.timing import FPS, SAMPLES_PER_FRAME, frame_count

_MILLISECOND = 0.001


def require_right_pictures(numbers: list[int], times: np.ndarray, start: float = 0.0) -> None:
    """Frame n shows the last picture that is due before the middle of the frame's time."""
    due = (np.arange(len(numbers)) + 0.5) / FPS + start
    shown = times[numbers]
    following = np.append(times, np.inf)[np.array(numbers) + 1]
    assert (shown < due + _MILLISECOND).all()
    assert (following > due - _MILLISECOND).all()


@pytest.mark.parametrize(
    "rate",
    [25, Fraction(24_000, 1001), Fraction(30_000, 1001), 60, Fraction(1350, 61), 30, 50, 12, Fraction(60_000, 1001)],
    ids=lambda rate: f"{float(rate):.2f}",
)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_constant_rates(tmp_path, rate, container):
    times = even_times(rate, 3.32)
    source = make_clip(tmp_path / f"source.{container}", times)
    cut = resample_video(source, tmp_path / "clip.mp4")
    numbers = [number_in(frame) for frame in read_frames(tmp_path / "clip.mp4")]
    assert cut.frames == len(numbers) == frame_count(len(times) / rate)
    require_right_pictures(numbers, np.array(times))


def test_variable_rate(tmp_path):
    steps = np.random.default_rng(4).choice([1 / 60, 1 / 30, 1 / 24, 0.25], 80)
    times = np.concatenate([[0], np.cumsum(steps)])
    cut = resample_video(make_clip(tmp_path / "source.mp4", times.tolist()), tmp_path / "clip.mp4")
    numbers = [number_in(frame) for frame in read_frames(tmp_path / "clip.mp4")]
    require_right_pictures(numbers, times)
    assert abs(cut.frames / FPS - times[-1]) < 0.3  # the last picture's own length is the encoder's guess
    assert cut.frames == frame_count(probe(tmp_path / "source.mp4").duration)


def test_time_stamps_of_the_result_are_constant(tmp_path):
    resample_video(make_clip(tmp_path / "source.mp4", even_times(Fraction(30_000, 1001), 2)), tmp_path / "clip.mp4")
    with opened(tmp_path / "clip.mp4") as container:
        stream = container.streams.video[0]
        assert stream.average_rate == FPS
        assert stream.codec_context.name == "h264"
        assert not container.streams.audio
        frames = list(container.decode(stream))
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(number, FPS) for number in range(len(frames))]
    assert {frame.format.name for frame in frames} == {"yuv420p"}
    assert {(int(frame.colorspace), int(frame.color_range)) for frame in frames} == {(1, 1)}


@pytest.mark.parametrize(("start", "end"), [(1.0, 2.5), (0.51, None), (None, 1.7), (2.013, 2.9)])
def test_cut(tmp_path, start, end):
    times = np.array(even_times(Fraction(30_000, 1001), 4))
    sound = clicks([(start or 0) + 0.4], 4)
    source = make_clip(tmp_path / "source.mp4", times.tolist(), sound=sound)
    cut = resample_video(source, tmp_path / "clip.mp4", start=start, end=end)
    numbers = [number_in(frame) for frame in read_frames(tmp_path / "clip.mp4")]
    assert cut.frames == len(numbers) == frame_count((end or len(times) * 1001 / 30_000) - (start or 0))
    require_right_pictures(numbers, times, start or 0)
    extract_sound(source, tmp_path / "clip.wav", zero=cut.zero, frames=cut.frames)
    assert click_at(read_audio(tmp_path / "clip.wav")) == pytest.approx(0.4, abs=0.003)


def test_a_long_held_picture_is_still_there_after_a_cut(tmp_path):
    source = make_clip(tmp_path / "source.mkv", [0, 0.04, 0.08, 3.0, 3.04, 3.08])
    resample_video(source, tmp_path / "clip.mp4", start=1.0, end=2.0)
    assert {number_in(frame) for frame in read_frames(tmp_path / "clip.mp4")} == {2}


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize(("picture_start", "sound_start"), [(0, 0), (0, 0.5), (0.3, 0), (0.033, 0.2), (0, 1.2)])
@pytest.mark.parametrize("start", [None, 0.7])
def test_sound_stays_with_the_picture(tmp_path, container, picture_start, sound_start, start):
    moment = 1.6  # on the source's clock: the picture turns white, and a click
    times = [picture_start + time for time in even_times(30, 3)]
    pictures = [np.full((64, 96, 3), 235 if time > moment - 1 / 60 else 16, np.uint8) for time in times]
    sound = clicks([moment - sound_start], 3)
    source = make_clip(tmp_path / f"s.{container}", times, pictures=pictures, sound=sound, sound_start=sound_start)
    cut = resample_video(source, tmp_path / "clip.mp4", start=start)
    extract_sound(source, tmp_path / "clip.wav", zero=cut.zero, frames=cut.frames)
    flash = np.argmax([frame.mean() > 128 for frame in read_frames(tmp_path / "clip.mp4")])
    samples = read_audio(tmp_path / "clip.wav")
    assert samples.size == cut.frames * SAMPLES_PER_FRAME
    assert abs(click_at(samples) * FPS - flash) <= 1
    assert click_at(samples) == pytest.approx(moment - picture_start - (start or 0), abs=0.003)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation(tmp_path, rotation):
    picture = draw(0b1011_0010_1101)
    stored = np.ascontiguousarray(np.rot90(picture, -rotation // 90))
    source = make_clip(tmp_path / "source.mp4", even_times(25, 1), pictures=[stored] * 25, rotation=rotation)
    media = probe(source)
    assert (media.width, media.height, media.rotation) == (96, 64, rotation)
    resample_video(source, tmp_path / "clip.mp4")
    for path in (source, tmp_path / "clip.mp4"):
        frame = next(read_frames(path))
        assert frame.shape == (64, 96, 3)
        assert number_in(frame) == 0b1011_0010_1101


def test_odd_size_loses_its_last_row_and_column(tmp_path):
    pictures = [draw(number, 65, 97) for number in range(25)]
    source = make_clip(tmp_path / "source.mkv", even_times(25, 1), pictures=pictures, pix_fmt="yuv444p", codec="ffv1")
    resample_video(source, tmp_path / "clip.mp4")
    frames = list(read_frames(tmp_path / "clip.mp4"))
    assert frames[0].shape == (64, 96, 3)
    assert [number_in(frame) for frame in frames] == list(range(25))
    difference = np.abs(frames[7].astype(int) - pictures[7][:64, :96])
    assert np.percentile(difference, 90) <= 6  # cut, not scaled: the blocks' edges stay where they were


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p10le", "yuv444p"])
def test_deep_and_dense_colours_become_8_bit_420(tmp_path, pix_fmt):
    source = make_clip(tmp_path / "source.mkv", even_times(25, 1), pix_fmt=pix_fmt, codec="ffv1")
    resample_video(source, tmp_path / "clip.mp4")
    with opened(tmp_path / "clip.mp4") as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
    assert [number_in(frame) for frame in read_frames(tmp_path / "clip.mp4")] == list(range(25))


def test_pixels_become_square(tmp_path):
    narrow = [cv2.resize(draw(number), (48, 64), interpolation=cv2.INTER_AREA) for number in range(5)]
    source = make_clip(tmp_path / "source.mp4", even_times(25, 0.2), pictures=narrow, aspect=Fraction(2, 1))
    assert probe(source).width == 96
    resample_video(source, tmp_path / "clip.mp4")
    frames = list(read_frames(tmp_path / "clip.mp4"))
    assert frames[0].shape == (64, 96, 3)
    assert [number_in(frame) for frame in frames] == list(range(5))


@pytest.mark.parametrize("box", [Box(16, 0, 64, 48), Box(17, 3, 65, 41)], ids=str)
def test_a_crop_is_cut_to_the_pixel(tmp_path, box):
    """Grey steps of 8 pixels in both directions: a box off by one would move their edges."""
    rows, columns = np.indices((65, 97))
    picture = np.repeat(((rows // 8 + columns // 8) % 2 * 150 + 50)[..., None], 3, axis=2).astype(np.uint8)
    source = make_clip(tmp_path / "s.mkv", even_times(25, 1), pictures=[picture] * 25, pix_fmt="yuv444p", codec="ffv1")
    assert resample_video(source, tmp_path / "clip.mp4", crop=box).frames == 25
    frame = next(read_frames(tmp_path / "clip.mp4"))
    expected = box.cut(picture)[: box.height // 2 * 2, : box.width // 2 * 2]
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).max() < 75  # half a step


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_crop_counts_pixels_of_the_upright_picture(tmp_path, rotation):
    large = np.full((96, 160, 3), 110, np.uint8)
    large[16:80, 48:144] = draw(0b1011_0010_1101)
    stored = np.ascontiguousarray(np.rot90(large, -rotation // 90))
    source = make_clip(tmp_path / "source.mp4", even_times(25, 1), pictures=[stored] * 25, rotation=rotation)
    resample_video(source, tmp_path / "clip.mp4", crop=Box(48, 16, 96, 64))
    assert number_in(next(read_frames(tmp_path / "clip.mp4"))) == 0b1011_0010_1101


def test_a_crop_counts_square_pixels(tmp_path):
    large = np.full((96, 160, 3), 110, np.uint8)
    large[16:80, 48:144] = draw(77)
    narrow = [cv2.resize(large, (80, 96), interpolation=cv2.INTER_AREA)] * 5
    source = make_clip(tmp_path / "source.mp4", even_times(25, 0.2), pictures=narrow, aspect=Fraction(2, 1))
    resample_video(source, tmp_path / "clip.mp4", crop=Box(48, 16, 96, 64))
    assert number_in(next(read_frames(tmp_path / "clip.mp4"))) == 77
    with pytest.raises(InputError, match="160 x 96 does not hold the crop 80,16,96,64"):
        resample_video(source, tmp_path / "clip.mp4", crop=Box(80, 16, 96, 64))


def test_a_crop_of_a_picture(tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), cv2.cvtColor(np.pad(draw(77), ((3, 0), (5, 0), (0, 0))), cv2.COLOR_RGB2BGR))
    resample_video(tmp_path / "face.png", tmp_path / "clip.mp4", crop=Box(5, 3, 96, 64))
    (frame,) = read_frames(tmp_path / "clip.mp4")
    assert (frame.shape, number_in(frame)) == ((64, 96, 3), 77)


def test_a_picture_is_a_video_of_one_frame(tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), cv2.cvtColor(draw(77, 65, 97), cv2.COLOR_RGB2BGR))
    cut = resample_video(tmp_path / "face.png", tmp_path / "clip.mp4")
    (frame,) = read_frames(tmp_path / "clip.mp4")
    assert (cut.frames, frame.shape, number_in(frame)) == (1, (64, 96, 3), 77)


def test_a_cut_behind_the_end_is_an_input_error(tmp_path):
    source = make_clip(tmp_path / "source.mp4", even_times(25, 1))
    with pytest.raises(InputError, match="no picture after 5 s"):
        resample_video(source, tmp_path / "clip.mp4", start=5.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.mp4"]


def test_real_clips(tmp_path, shared_data):
    clips = [*shared_data.glob("hdtf/*.mp4"), *sorted(shared_data.glob("hdtf256/*.mp4"))[:2]]
    clips += [path for path in shared_data.glob("wild/*.mp4") if "1080x1920" not in path.name]
    assert len(clips) >= 6
    for source in clips:
        cut = resample_video(source, tmp_path / "clip.mp4")
        extract_sound(source, tmp_path / "clip.wav", zero=cut.zero, frames=cut.frames)
        assert cut.frames == frame_count(probe(source).duration), source.name
        assert count_samples(tmp_path / "clip.wav") == cut.frames * SAMPLES_PER_FRAME


@pytest.mark.slow
def test_real_tall_clips(tmp_path, shared_data):
    for source in shared_data.glob("wild/portrait_1080x1920*.mp4"):
        cut = resample_video(source, tmp_path / "clip.mp4", end=4.0)
        assert cut.frames == 100, source.name
        assert next(read_frames(tmp_path / "clip.mp4")).shape == (1920, 1080, 3)
