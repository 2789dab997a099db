"""Drawn faces whose landmarks are known exactly stand for detected ones."""

import numpy as np
import pytest

from metrics.frames import ComparedFrames, resized, track_enlarged
from metrics.measure import Landmarks, Measure, MetricInputs, Transcripts
from metrics.registry import METRICS
from metrics.scoring import score
from toolkit.errors import InputError
from toolkit.media.frames import read_frames
from toolkit.media.writer import write_video

FRAMES = 30
OPENING = 0.1 + 0.08 * np.sin(np.arange(FRAMES) * 0.7)


def landmarks(opening, size=64):
    """Landmarks of a face that fills a picture of `size`, its mouth opened by `opening` outer-eye distances."""
    points = np.tile(np.random.default_rng(0).uniform(0.1, 0.9, (68, 2)) * size, (len(opening), 1, 1))
    points[:, [36, 45]] = [[0.2 * size, 0.3 * size], [0.8 * size, 0.3 * size]]
    points[:, [62, 66]] = [0.5 * size, 0.6 * size]
    points[:, 66, 1] += 0.6 * size * np.asarray(opening)
    return Landmarks(points - 0.5, np.ones(len(opening), bool))


def tracker(known):
    """Reads all frames, as a tracker does, and returns what is known."""

    def track(frames):
        for _ in frames:
            pass
        return known

    return track


def scored(generated, track, **given):
    return score(MetricInputs(generated, **given), track).record


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A moving pattern, by size, length and brightness."""
    folder = tmp_path_factory.mktemp("videos")

    def make(size=64, frames=FRAMES, brighter=0):
        path = folder / f"{size}_{frames}_{brighter}.mp4"
        x, y = np.meshgrid(*[np.arange(size) * 64 / size] * 2)
        shades = (np.sin((x + 2 * t) / 5) * np.cos((y - t) / 7) for t in range(frames))
        pictures = (np.repeat((120 + 60 * s + brighter).astype(np.uint8)[..., None], 3, axis=-1) for s in shades)
        write_video(path, pictures)
        return path

    return make


def test_every_metric_is_either_computed_or_left_out_with_a_reason(video):
    record = scored(video(), tracker(landmarks(OPENING, 256)))
    metrics, left_out = record["metrics"], record["left_out"]
    assert {"ofm", "blinks"} <= set(metrics)
    assert {"psnr", "m_lmd", "mouth_correlation", "wer", "niqe", "blink_duration"} <= set(left_out)
    assert not metrics.keys() & left_out.keys()
    assert metrics.keys() | left_out.keys() == {metric.name for metric in METRICS}
    assert all(left_out.values())
    assert record["pooled"] == {"blinks": FRAMES / 25, "blinks_published": FRAMES / 25}


def test_a_pair_with_everything_known(video):
    shifted = landmarks(OPENING, 256)  # the tracker sees 64 pixels enlarged to 256
    shifted.points[:] += [3, 4]
    record = scored(
        video(brighter=10),
        tracker(shifted),
        reference=video(),
        reference_landmarks=landmarks(OPENING),
        speech_opening=OPENING,
        video_opening=-OPENING,
        sound=np.zeros(640 * FRAMES, np.float32),
        transcripts=Transcripts("a word", "a word", "somebody"),
    )
    values = record["metrics"]
    left_out = {name for name, reason in record["left_out"].items() if "no weights of" not in reason}
    assert left_out == {
        "blink_duration",
        "blink_duration_published",
        "csim_dlib",
    }  # nobody's eyes shut, no drawn face found
    assert values["psnr"] == pytest.approx(20 * np.log10(255 / 10), abs=0.3)
    assert 0.9 < values["ssim"] < 1
    assert values["f_lmd"] == pytest.approx(5)
    assert values["f_lmd_centred"] == pytest.approx(0, abs=1e-9)
    assert values["mouth_correlation"] == pytest.approx(1)
    assert values["mouth_spread"] == pytest.approx(1)
    assert values["mouth_correlation_video"] == pytest.approx(-1)
    assert record["counts"]["frames"] == record["counts"]["frames_compared"] == FRAMES
    assert record["openings"]["generated"] == np.round(OPENING, 4).tolist()
    assert record["versions"]["numpy"] == np.__version__


def test_equal_videos_have_no_psnr_but_full_similarity(video):
    record = scored(video(), tracker(landmarks(OPENING, 256)), reference=video())
    assert record["left_out"]["psnr"] == f"infinite: all {FRAMES} frames are equal to the reference's"
    assert record["counts"]["frames_equal_to_reference"] == FRAMES
    assert record["metrics"]["ssim"] == pytest.approx(1)


@pytest.mark.parametrize(("generated", "reference"), [(20, FRAMES), (FRAMES, 20)])
def test_the_shorter_video_decides_what_is_compared(video, generated, reference):
    record = scored(
        video(frames=generated),
        tracker(landmarks(OPENING[:generated], 256)),
        reference=video(frames=reference, brighter=10),
        reference_landmarks=landmarks(OPENING[:reference]),
        speech_opening=OPENING[:reference],
    )
    assert record["counts"] | {"frames": generated, "frames_compared": 20} == record["counts"]
    assert record["metrics"]["mouth_correlation"] == pytest.approx(1)
    assert record["metrics"]["m_lmd_centred"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("size", [32, 128])
def test_a_generated_video_of_another_size_is_fitted_to_the_reference(video, size):
    record = scored(video(size=size), tracker(landmarks(OPENING, 256)), reference=video(brighter=1))
    assert record["sizes"] == {"generated": (size, size), "reference": (64, 64)}
    assert record["metrics"]["psnr"] > 25
    assert record["metrics"]["ssim"] > 0.9


def test_frames_without_a_face_are_counted_and_bridged(video):
    known = landmarks(OPENING, 256)
    known.ok[5:8] = False
    known.points[~known.ok] = 1e6
    record = scored(
        video(),
        tracker(known),
        reference=video(),
        reference_landmarks=landmarks(OPENING),
        speech_opening=OPENING,
    )
    assert record["counts"]["frames_without_face"] == 3
    assert record["metrics"]["f_lmd_centred"] == pytest.approx(0, abs=1e-9)
    assert 0.8 < record["metrics"]["mouth_correlation"] < 1


def test_no_face_at_all_leaves_the_landmark_metrics_out(video):
    def nobody(frames):
        tracker(None)(frames)
        raise InputError("the video", "no face in any frame", "Show one")

    record = scored(video(), nobody, reference=video(), reference_landmarks=landmarks(OPENING), speech_opening=OPENING)
    assert {"ssim", "cpbd"} < set(record["metrics"])
    for name in ("f_lmd", "mouth_correlation", "mouth_spread", "blinks"):
        assert record["left_out"][name] == "no face was found in any frame of the generated video"
    assert record["counts"]["frames_without_face"] == FRAMES


def test_landmarks_that_are_known_are_not_tracked_again(video):
    def never(frames):
        raise AssertionError("tracked")

    record = scored(video(), never, landmarks=landmarks(OPENING), reference=video(), speech_opening=OPENING)
    assert record["metrics"]["mouth_correlation"] == pytest.approx(1)
    assert record["counts"]["frames"] == FRAMES


def test_faces_that_never_meet_leave_the_distances_out(video):
    generated, reference = landmarks(OPENING, 256), landmarks(OPENING)
    generated.ok[::2], reference.ok[1::2] = False, False
    record = scored(video(), tracker(generated), reference=video(), reference_landmarks=reference)
    assert "both" in record["left_out"]["m_lmd"]


def test_a_sample_that_cannot_be_read_is_an_error_and_not_a_missing_face(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    with pytest.raises(InputError, match="broken"):
        scored(broken, tracker(landmarks(OPENING)))


def test_each_video_is_decoded_once_and_frame_by_frame(video, monkeypatch):
    opened = []

    def counted(path):
        opened.append(path)
        yield from read_frames(path)

    monkeypatch.setattr("metrics.frames.read_frames", counted)
    generated, reference = video(brighter=10), video()
    scored(generated, tracker(landmarks(OPENING, 256)), reference=reference)
    assert sorted(opened) == sorted([generated, reference])
    frames = ComparedFrames(generated, reference)
    next(iter(frames))
    assert (frames.frames, frames.compared) == (1, 1)


def test_only_measures_of_pairs_see_the_generated_frame_resized(video):
    class Sizes(Measure):
        def __init__(self):
            self.seen = []

        def update(self, generated, reference):
            self.seen.append((generated.shape[0], None if reference is None else reference.shape[0]))

    paired, single = Sizes(), Sizes()
    for _ in ComparedFrames(video(size=32), video(frames=20), [paired], [single]):
        pass
    assert paired.seen == [(64, 64)] * 20
    assert single.seen == [(32, 64)] * 20 + [(32, None)] * (FRAMES - 20)


def test_resizing_takes_area_means_when_shrinking_and_lines_when_growing():
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 200).astype(np.uint8)
    board = np.repeat(board[..., None], 3, axis=-1)
    assert (resized(board, (4, 4)) == 100).all()
    ramp = np.tile(np.array([0, 100], np.uint8)[None, :, None], (2, 1, 3))
    assert resized(ramp, (4, 4))[0, :, 0].tolist() == [0, 25, 75, 100]
    assert resized(board, (8, 8)) is board


def test_only_small_pictures_are_enlarged_for_the_tracker():
    seen = []

    def track(frames):
        seen.extend(frame.shape for frame in frames)
        return landmarks(OPENING[:1], size=max(seen[-1]))

    for height, width in ((64, 96), (300, 400)):
        track_enlarged([np.zeros((height, width, 3), np.uint8)], track)
    assert seen == [(256, 384, 3), (300, 400, 3)]
