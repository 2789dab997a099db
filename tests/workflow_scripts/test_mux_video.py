"""mux_video: samples pasted back along the timeline, with sound, exact in length, marked as synthetic."""

from dataclasses import replace

import av
import numpy as np
import pytest
from skimage import data

from models.registry import get_system
from tests.toolkit.media.synthetic_clips import click_at, clicks
from toolkit.errors import InputError
from toolkit.faces.crop import Square, crop_frame, to_crop
from toolkit.faces.detectors import get_detector
from toolkit.files import write_npz
from toolkit.media.audio import extract_sound, read_audio, write_audio
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.writer import write_video
from workflow_scripts.mux_video import mux_video, pasted

SOURCE, SIZE = 30, 128
SQUARE = Square(40, 10, 200)
DIFFDUB = {"preset": "debug", "mode": "one_shot", "beyond": "ping_pong", "reference_frame": None}
STILL = {"reference_frame": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip of a portrait whose brightness tells the frame, its crop's transform, and green samples of three lengths."""
    folder = tmp_path_factory.mktemp("mux")
    face = data.astronaut()[:256, 96:352]
    write_video(folder / "clip.mp4", [(face * (0.5 + 0.5 * n / SOURCE)).astype(np.uint8) for n in range(SOURCE)])
    found = get_detector("dlib")
    box = found.find(face)[0][0]
    points = to_crop(found.fit(face, box), SQUARE, SIZE)
    write_npz(folder / "crop.npz", square=np.array(SQUARE), size=SIZE, points=np.stack([points] * SOURCE))
    green = np.full((SIZE, SIZE, 3), (0, 255, 0), np.uint8)
    for frames in (20, 30, 75):
        write_video(folder / f"{frames}.mp4", [green] * frames, crf=4)
        write_audio(folder / f"{frames}.wav", clicks([0.4], frames / 25, 16_000))
    return folder


def made(folder, frames: int, name: str, options: dict, **more) -> list[np.ndarray]:
    return list(
        pasted(folder / "clip.mp4", folder / "crop.npz", folder / f"{frames}.mp4", get_system(name), options, **more)
    )


@pytest.mark.parametrize("beyond", ["ping_pong", "loop", "hold"])
def test_pixels_outside_the_mask_are_the_sources(folder, beyond):
    options = DIFFDUB | {"beyond": beyond}
    source = list(read_frames(folder / "clip.mp4"))
    timeline = get_system("diffdub").timeline(SOURCE, 75, options)
    assert timeline.max() == SOURCE - 1
    with np.load(folder / "crop.npz") as arrays:
        window = get_system("diffdub").mask(arrays["points"][0], SIZE, options)
    frames = made(folder, 75, "diffdub", options)
    assert len(frames) == 75
    for frame, index in zip(frames, timeline, strict=True):
        changed = (frame != source[index]).any(axis=2)
        outside = np.ones(changed.shape, bool)
        outside[SQUARE.top : SQUARE.top + SQUARE.side, SQUARE.left : SQUARE.left + SQUARE.side] = False
        assert not changed[outside].any()
        inside = crop_frame(changed.astype(np.uint8)[..., None].repeat(3, axis=2) * 255, SQUARE, SIZE)[..., 0]
        assert inside[window > 0.9].min() > 200
    mouth = frames[0][SQUARE.top + 140, SQUARE.left + 95]
    assert mouth[1] > 200 > 60 > max(mouth[0], mouth[2])


def test_the_baseline_holds_one_frame_untouched(folder):
    with FrameReader(folder / "clip.mp4") as reader:
        held = reader[3]
    frames = made(folder, 75, "still", STILL)
    assert len(frames) == 75
    assert all(np.array_equal(frame, held) for frame in frames)


def test_keep_goes_on_with_the_source(folder):
    source = list(read_frames(folder / "clip.mp4"))
    assert len(made(folder, 20, "diffdub", DIFFDUB)) == 20
    frames = made(folder, 20, "diffdub", DIFFDUB, keep=True)
    assert len(frames) == SOURCE
    assert all((frame != source[number]).any() for number, frame in enumerate(frames[:20]))
    assert all(np.array_equal(frame, source[number + 20]) for number, frame in enumerate(frames[20:]))


def test_an_aligned_system_is_pasted_along_each_frames_own_transform(folder, tmp_path):
    """A square that wanders by two pixels a frame takes the green face with it, back and forth along the timeline."""
    matrices = np.stack([[[1.0, 0, -20 - 2 * number], [0, 1, -30]] for number in range(SOURCE)])
    write_npz(tmp_path / "aligned.npz", matrices=matrices, size=SIZE, points=np.zeros((SOURCE, 68, 2)))
    whole = replace(get_system("diffdub"), mask=lambda points, size, options: np.ones((size, size), np.float32))
    files = (folder / "clip.mp4", tmp_path / "aligned.npz", folder / "75.mp4")
    timeline = whole.timeline(SOURCE, 75, DIFFDUB)
    for frame, index in zip(pasted(*files, whole, DIFFDUB), timeline, strict=True):
        green = (frame[..., 1] > 200) & (frame[..., 0] < 60)
        rows, columns = np.nonzero(green)
        assert (rows.min(), rows.max()) == (30, 30 + SIZE - 1)
        assert (columns.min(), columns.max()) == (20 + 2 * index, 20 + 2 * index + SIZE - 1)


@pytest.mark.parametrize("keep", [False, True])
def test_a_system_without_a_mask_is_the_whole_video(folder, keep):
    """With nothing to paste into, a longer source does not go on either."""
    plain = replace(get_system("diffdub"), pasted=lambda options: False)
    frames = list(pasted(folder / "clip.mp4", folder / "crop.npz", folder / "20.mp4", plain, DIFFDUB, keep=keep))
    made = list(read_frames(folder / "20.mp4"))
    assert len(frames) == 20
    assert all(np.array_equal(*pair) for pair in zip(frames, made, strict=True))


@pytest.mark.parametrize(
    ("frames", "when_speech_ends", "length"), [(20, "cut", 20), (20, "keep", 30), (75, "keep", 75)]
)
def test_the_deliverable(folder, tmp_path, frames, when_speech_ends, length):
    output = tmp_path / "videos" / "a--b.mp4"
    mux_video(
        folder / "clip.mp4",
        folder / "crop.npz",
        folder / f"{frames}.mp4",
        folder / f"{frames}.wav",
        output,
        system="diffdub",
        options=DIFFDUB,
        when_speech_ends=when_speech_ends,
    )
    with av.open(str(output)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.frames == length
        assert video.duration * video.time_base * 25 == length
        assert float(audio.duration * audio.time_base) == pytest.approx(length / 25, abs=1024 / 48_000)
        assert container.metadata["comment"] == "Synthetic video made by Talkflow with diffdub"
        assert container.metadata["title"] == "Synthetic: a--b"
    extract_sound(output, tmp_path / "back.wav", zero=0.0, frames=length)
    samples = read_audio(tmp_path / "back.wav")
    assert click_at(samples) == pytest.approx(0.4, abs=0.002)
    assert np.abs(samples[int((frames / 25 + 0.03) * 16_000) :]).max(initial=0) < 0.001
    assert [path.name for path in output.parent.iterdir()] == ["a--b.mp4"]


def test_a_failure_leaves_nothing_behind(folder, tmp_path):
    write_npz(tmp_path / "crop.npz", square=np.array(SQUARE), size=SIZE, points=np.zeros((7, 68, 2)))
    with pytest.raises(InputError, match="landmarks for 7"):
        mux_video(
            folder / "clip.mp4",
            tmp_path / "crop.npz",
            folder / "20.mp4",
            folder / "20.wav",
            tmp_path / "out" / "a--b.mp4",
            system="still",
            options=STILL,
        )
    assert list((tmp_path / "out").iterdir()) == []
