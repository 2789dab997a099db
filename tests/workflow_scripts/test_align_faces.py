"""The aligned view, on a clip of the astronaut portrait that turns, grows and wanders as is known."""

import cv2
import numpy as np
import pytest
from skimage import data

from toolkit.errors import InputError
from toolkit.faces.detectors import get_detector
from toolkit.faces.mean_face import STABLE
from toolkit.faces.similarity import apply, scale
from toolkit.faces.view import read_view
from toolkit.files import write_npz
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.writer import write_video
from workflow_scripts.align_faces import align_faces
from workflow_scripts.detect_landmarks import detect_landmarks

FRAMES, HEIGHT, WIDTH = 40, 320, 400


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, np.ndarray]:
    """A picture, (400, 400, 3), and its landmarks."""
    picture = np.ascontiguousarray(data.astronaut()[:400, 60:460])
    dlib = get_detector("dlib")
    return picture, dlib.fit(picture, dlib.find(picture)[0][0])


def sway(frame: int, x: float = 0.0) -> np.ndarray:
    """How the portrait lies in a frame: a slow nod to either side around the face, nearer and farther."""
    turn = cv2.getRotationMatrix2D((160, 110), 6 * np.sin(frame / 8), 1 + 0.1 * np.sin(frame / 11))
    turn[:, 2] += x + 12 * np.sin(frame / 9), -10
    return turn


def film(folder, portrait, moves: list[np.ndarray], ok: np.ndarray | None = None) -> None:
    """A clip of the portrait moved so, and its landmarks."""
    picture, points = portrait
    write_video(folder / "clip.mp4", (cv2.warpAffine(picture, move, (WIDTH, HEIGHT)) for move in moves), crf=4)
    points = apply(np.stack(moves), np.stack([points] * len(moves))).astype(np.float32)
    write_npz(folder / "landmarks.npz", points=points, ok=np.ones(len(moves), bool) if ok is None else ok)


def align(folder, **options) -> dict[str, np.ndarray]:
    names = ("clip.mp4", "landmarks.npz", "aligned.mp4", "aligned.npz")
    align_faces(*[folder / name for name in names], **options)
    with np.load(folder / "aligned.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, portrait):
    folder = tmp_path_factory.mktemp("aligned")
    film(folder, portrait, [sway(frame) for frame in range(FRAMES)])
    align(folder)
    return folder


def test_the_file_has_what_the_systems_read(clip):
    with np.load(clip / "aligned.npz", allow_pickle=False) as arrays:
        found = {name: (arrays[name].shape, arrays[name].dtype) for name in arrays.files}
        assert arrays["size"] == 128
    assert found == {
        "matrices": ((FRAMES, 2, 3), np.float64),
        "size": ((), np.int64),
        "points": ((FRAMES, 68, 2), np.float32),
        "ok": ((FRAMES,), bool),
        "residual": ((FRAMES,), np.float64),
    }
    with FrameReader(clip / "aligned.mp4") as reader, np.load(clip / "landmarks.npz") as landmarks:
        assert len(reader) == FRAMES
        view = read_view(clip / "aligned.npz")
        back = view.to_clip(view.points.astype(np.float64), np.arange(FRAMES))
        np.testing.assert_allclose(back, landmarks["points"], atol=1e-3)


def test_the_head_stands_still_in_the_pictures(clip):
    """What wanders by tens of pixels in the clip is the same picture throughout."""
    view = read_view(clip / "aligned.npz")
    clip_points = view.to_clip(view.points, np.arange(FRAMES))[:, STABLE]
    assert np.ptp(clip_points[..., 0], axis=0).min() > 15
    assert np.ptp(view.points[:, STABLE], axis=0).max() < 1.5
    pictures = np.stack(list(read_frames(clip / "aligned.mp4"))).astype(float)
    face = pictures[:, 30:105, 35:95]
    assert np.abs(face - face.mean(0)).mean() < 3
    assert face.std() > 30


def test_every_frame_is_a_key_frame(clip):
    frames = list(read_frames(clip / "aligned.mp4"))
    with FrameReader(clip / "aligned.mp4") as reader:
        for number in (31, 2, FRAMES - 1):
            np.testing.assert_array_equal(reader[number], frames[number])


@pytest.mark.parametrize("size", [128, 256])
def test_pictures_go_back_where_they_came_from_without_a_seam(clip, tmp_path, size):
    """The better, the more pixels there are: at 256 the view shows this face at two thirds of its size or more."""
    align_faces(clip / "clip.mp4", clip / "landmarks.npz", tmp_path / "a.mp4", tmp_path / "a.npz", size=size)
    view = read_view(tmp_path / "a.npz")
    away = np.abs(np.linspace(-1, 1, size))
    mask = np.clip((0.7 - np.hypot(away[:, None], away)) / 0.2, 0, 1)
    psnr = []
    for index, (frame, picture) in enumerate(
        zip(read_frames(clip / "clip.mp4"), read_frames(tmp_path / "a.mp4"), strict=True)
    ):
        pasted = view.paste(frame, picture, mask, index)
        where = view.paste(np.zeros_like(frame), np.full_like(picture, 255), mask, index).any(-1)
        assert 0.05 < where.mean() < 0.3
        np.testing.assert_array_equal(pasted[~where], frame[~where])
        psnr.append(-10 * np.log10(np.square((pasted[where].astype(float) - frame[where]) / 255).mean()))
    assert min(psnr) > {128: 27, 256: 33}[size]


def test_the_head_fills_less_of_the_picture_with_more_room(clip, tmp_path):
    sizes = []
    for offset in ((0.31, 0.336, 0.155), (0.45, 0.5, 0.25)):
        align_faces(
            clip / "clip.mp4", clip / "landmarks.npz", tmp_path / "a.mp4", tmp_path / "a.npz", offset=offset, size=96
        )
        sizes.append(np.ptp(read_view(tmp_path / "a.npz").points[0, :, 1]) / 96)
    assert sizes[0] / sizes[1] == pytest.approx(1.75 / 1.491, rel=0.02)


def test_a_scale_is_taken_as_it_is(clip, tmp_path):
    align_faces(clip / "clip.mp4", clip / "landmarks.npz", tmp_path / "a.mp4", tmp_path / "a.npz", scale=0.1)
    align_faces(clip / "clip.mp4", clip / "landmarks.npz", tmp_path / "b.mp4", tmp_path / "b.npz", scale=0.2)
    small, large = (scale(read_view(tmp_path / name).matrices) for name in ("a.npz", "b.npz"))
    np.testing.assert_allclose(large, 2 * small)


def test_a_portrait_is_a_clip_of_one_frame(portrait, tmp_path):
    film(tmp_path, portrait, [sway(0)])
    assert align(tmp_path)["matrices"].shape == (1, 2, 3)
    [picture] = read_frames(tmp_path / "aligned.mp4")
    assert picture.shape == (128, 128, 3)
    assert picture.std() > 30


def test_frames_without_a_face_are_carried_by_their_interpolated_landmarks(portrait, tmp_path):
    ok = np.ones(12, bool)
    ok[[0, 5, 6]] = False
    film(tmp_path, portrait, [sway(frame) for frame in range(12)], ok)
    arrays = align(tmp_path)
    np.testing.assert_array_equal(arrays["ok"], ok)
    assert np.isfinite(arrays["matrices"]).all()
    assert arrays["residual"].max() < 0.02


def test_what_lies_outside_the_frame_is_black(portrait, tmp_path):
    """The face at the frame's left edge: its picture shows half of it, and can be pasted back."""
    film(tmp_path, portrait, [sway(frame, x=-160) for frame in range(10)])
    align(tmp_path, size=96)
    pictures = np.stack(list(read_frames(tmp_path / "aligned.mp4")))
    assert pictures[:, 30:70, :20].max() < 8
    assert pictures[:, 30:70, 60:80].mean() > 40
    view = read_view(tmp_path / "aligned.npz")
    frame = next(read_frames(tmp_path / "clip.mp4"))
    green = view.paste(frame, np.full((96, 96, 3), (0, 255, 0), np.uint8), np.ones((96, 96)), 0)
    changed = (green != frame).any(-1)
    assert changed[:, 0].any()
    assert not changed[:, 200:].any()


def test_a_first_frame_that_shows_no_frontal_face_is_named(portrait, tmp_path, caplog):
    ok = np.arange(10) > 2
    film(tmp_path, portrait, [sway(frame) for frame in range(10)], ok)
    with np.load(tmp_path / "landmarks.npz") as arrays:
        points = arrays["points"]
    for squeezed, warned in ((slice(0, 3), False), (slice(3, 10), True)):  # what is interpolated is nobody's face
        caplog.clear()
        turned = points.copy()
        turned[squeezed] *= [0.5, 1]
        write_npz(tmp_path / "landmarks.npz", points=turned, ok=ok)
        align(tmp_path, smoothing=1)
        assert ("clip: frame 3, its first with a face, is poorly aligned" in caplog.text) == warned


def test_landmarks_of_another_clip_and_odd_sizes_are_refused(clip, tmp_path):
    write_video(tmp_path / "short.mp4", list(read_frames(clip / "clip.mp4"))[:10])
    outputs = (tmp_path / "a.mp4", tmp_path / "a.npz")
    with pytest.raises(InputError, match="10 frames"):
        align_faces(tmp_path / "short.mp4", clip / "landmarks.npz", *outputs)
    with pytest.raises(InputError, match="odd"):
        align_faces(clip / "clip.mp4", clip / "landmarks.npz", *outputs, size=127)
    assert not any(path.exists() for path in outputs)


def test_a_real_talker_stands_still(shared_data, tmp_path):
    """A head that moves by a fifth of its width in this second; the points of eyes and nose stay within a few pixels."""
    frames = read_frames(shared_data / "wild/portrait_1080x1920_25fps.mp4", 0, 25)
    write_video(
        tmp_path / "clip.mp4", (cv2.resize(frame, (540, 960), interpolation=cv2.INTER_AREA) for frame in frames)
    )
    detect_landmarks(tmp_path / "clip.mp4", tmp_path / "landmarks.npz")
    arrays = align(tmp_path)
    assert np.median(arrays["residual"]) < 0.03
    assert arrays["points"][:, STABLE].std(0).max() < 4
