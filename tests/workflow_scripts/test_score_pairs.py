"""A talking portrait scored with real detection: the same, held, small, and driven by another clip's speech."""

import numpy as np
import pytest

from metrics.landmark_distance import at_size
from tests.metrics.conftest import portrait_frames
from tests.random_weights import write_random_weights
from toolkit.faces.crop import Square, to_crop
from toolkit.faces.detectors import get_detector
from toolkit.faces.similarity import apply
from toolkit.faces.tracking import track
from toolkit.faces.view import Crop, read_view
from toolkit.faces.warp import warp
from toolkit.files import read_json, write_json, write_npz
from toolkit.media.audio import write_audio
from toolkit.media.frames import read_frames
from toolkit.media.writer import write_video
from workflow_scripts.score_pairs import NO_REFERENCE, in_crop, score_pair, score_pairs

FRAMES = 50


def opening(rate):
    """Pixels of a 256-pixel portrait; the mouth's truth, but for its unit."""
    return 7 - 7 * np.cos(2 * np.pi * rate * np.arange(FRAMES) / 25)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two clips as the workflow keeps them: crop, points in it, and a truth JSON for the first alone."""
    folder = tmp_path_factory.mktemp("clips")
    for name, rate in (("first", 1.0), ("second", 1.7)):
        write_video(folder / f"{name}.mp4", portrait_frames(opening(rate)))
        found = track(read_frames(folder / f"{name}.mp4"), get_detector("dlib"))
        write_npz(folder / f"{name}.npz", square=np.array([0, 0, 256]), size=256, points=found.points, ok=found.ok)
    write_audio(folder / "sound.wav", np.zeros(640 * FRAMES, np.float32))
    write_json(folder / "first.json", {"mouth_opening": (opening(1.0) / 80).tolist()})
    return folder


def scored(clips, tmp_path, frames, video, audio, view=None, **more):
    """The record of these frames' scores; `view` is a folder other than that of the crops."""
    write_video(tmp_path / "sample.mp4", frames)
    known = {"first": clips / "first.json", "second": clips / "second.npz"}
    score_pair(
        tmp_path / "sample.mp4",
        (view or clips) / f"{video}.mp4",
        (view or clips) / f"{video}.npz",
        clips / f"{video}.npz",
        clips / "sound.wav",
        str(known[audio]),
        str(known[video]),
        tmp_path / "scores.json",
        tmp_path / "scores.npz",
        system="some",
        video=video,
        audio=audio,
        **more,
    )
    return read_json(tmp_path / "scores.json")


def test_the_clip_itself_scores_as_the_truth(clips, tmp_path):
    record = scored(clips, tmp_path, portrait_frames(opening(1.0)), "first", "first")
    values = record["metrics"]
    assert (record["pair"], record["kind"], record["counts"]["frames"]) == ("first--first", "self", FRAMES)
    assert record["left_out"]["psnr"].startswith("infinite")
    assert values["ssim"] == pytest.approx(1)
    assert values["f_lmd"] == pytest.approx(0, abs=1e-6)
    assert values["mouth_correlation"] > 0.9
    assert 0.5 < values["mouth_spread"] < 1.5


def test_a_small_sample_is_tracked_all_the_same(clips, tmp_path):
    record = scored(clips, tmp_path, portrait_frames(opening(1.0), 64), "first", "first")
    values = record["metrics"]
    assert record["counts"]["frames_without_face"] == 0
    assert values["mouth_correlation"] > 0.8
    assert 20 < values["psnr"] < 40
    assert 0 < values["f_lmd"] < 6


def test_a_held_picture_has_no_correlation(clips, tmp_path):
    record = scored(clips, tmp_path, portrait_frames(np.full(FRAMES, 5.0)), "first", "first")
    assert record["left_out"]["mouth_correlation"] == "the mouth does not move"
    assert record["metrics"]["mouth_spread"] < 0.1


@pytest.mark.parametrize(("moved_by", "follows"), [(1.7, True), (1.0, False)])
def test_a_crossed_pair_tells_following_speech_from_copying_the_picture(clips, tmp_path, moved_by, follows):
    record = scored(clips, tmp_path, portrait_frames(opening(moved_by)), "first", "second")
    values = record["metrics"]
    assert record["kind"] == "crossed"
    assert record["left_out"]["psnr"] == record["left_out"]["m_lmd"] == NO_REFERENCE
    assert (values["mouth_correlation"] > 0.9) is follows
    assert (values["mouth_correlation_video"] > 0.9) is not follows
    assert values["csim_dlib"] > 0.96, "it is the picture's own person"


def test_a_sample_without_a_face_is_scored_for_what_it_is(clips, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, 64, 64, 3), dtype=np.uint8)
    record = scored(clips, tmp_path, noise, "first", "first")
    assert {"psnr", "ssim", "ofm"} <= set(record["metrics"])
    assert record["left_out"]["mouth_spread"] == "no face was found in any frame of the generated video"


def test_absent_weights_say_why_and_transcripts_who_read(clips, tmp_path):
    write_json(tmp_path / "lpips.json", {"available": False, "reason": "nobody placed it"})
    (tmp_path / "reader/some").mkdir(parents=True)
    (tmp_path / "reader/first.txt").write_text("The cat, sat.")
    (tmp_path / "reader/some/first--first.txt").write_text("the dog sat down")
    transcripts = [tmp_path / "reader/first.txt", tmp_path / "reader/some/first--first.txt"]
    moved = portrait_frames(opening(1.0))
    record = scored(
        clips, tmp_path, moved, "first", "first", weights=[tmp_path / "lpips.json"], transcripts=transcripts
    )
    assert record["metrics"]["wer"] == pytest.approx(2 / 3)
    assert record["settings"]["lip reader"] == "reader"
    assert record["weights"] == {}
    with np.load(tmp_path / "scores.npz") as features:
        assert features.files == []


def test_a_batch_scores_each_pair_as_by_itself(clips, tmp_path):
    pairs = {"first--first": opening(1.0), "first--second": opening(1.7)}
    alone = {}
    for pair, moved in pairs.items():
        alone[pair] = scored(clips, tmp_path, portrait_frames(moved), *pair.split("--"))
        (tmp_path / "sample.mp4").rename(tmp_path / f"{pair}.mp4")
    for name in ("second", "first--second"):
        (tmp_path / f"{name}.txt").write_text("the cat sat")
    score_pairs(
        [tmp_path / f"{pair}.mp4" for pair in pairs],
        [clips / "first.mp4"] * 2,
        [clips / "first.npz"] * 2,
        [clips / "first.npz"] * 2,
        [clips / "sound.wav"] * 2,
        [str(clips / "first.json"), str(clips / "second.npz")],
        [str(clips / "first.json")] * 2,
        tmp_path / "scores",
        transcripts=[tmp_path / "second.txt", tmp_path / "first--second.txt"],
        system="some",
        pairs=list(pairs),
    )
    records = {pair: read_json(tmp_path / f"scores/{pair}.json") for pair in pairs}
    assert records["first--first"] == alone["first--first"]
    assert records["first--second"]["metrics"].pop("wer") == 0, "this pair alone has transcripts"
    assert records["first--second"]["metrics"] == alone["first--second"]["metrics"]
    assert (tmp_path / "scores/first--second.npz").is_file()


@pytest.fixture(scope="module")
def aligned(clips, tmp_path_factory):
    """The first clip in a view that wanders over it, at three quarters of its size."""
    folder = tmp_path_factory.mktemp("aligned")
    sway = 6 * np.sin(np.arange(FRAMES) / 5)
    matrices = np.stack([[[0.75, 0, 32 + x], [0, 0.75, 32 - x]] for x in sway])
    frames = read_frames(clips / "first.mp4")
    write_video(folder / "first.mp4", (warp(*pair, 256, 256) for pair in zip(frames, matrices, strict=True)), crf=4)
    with np.load(clips / "first.npz") as crop:
        points = apply(matrices, crop["points"])
        write_npz(folder / "first.npz", matrices=matrices, size=np.array(256), points=points, ok=crop["ok"])
    return folder


def test_another_view_is_compared_with_its_own_reference_and_measured_in_the_clip(clips, aligned, tmp_path):
    """Three pixels of the view are four of the crop."""
    shifted = (np.roll(frame, 3, axis=1) for frame in read_frames(aligned / "first.mp4"))
    record = scored(clips, tmp_path, shifted, "first", "first", view=aligned)
    assert record["settings"]["view"].startswith("aligned")
    assert record["metrics"]["f_lmd"] == pytest.approx(4, abs=0.5)
    assert record["metrics"]["m_lmd"] == pytest.approx(4, abs=0.5)
    assert record["metrics"]["mouth_correlation"] > 0.9
    assert record["sizes"] == {"generated": [256, 256], "reference": [256, 256]}


@pytest.mark.parametrize("size", [64, 256, 512])
def test_landmarks_of_any_view_and_picture_size_come_to_the_same_place(aligned, size):
    clip = np.random.default_rng(0).uniform(0, 256, (3, 68, 2))
    frames = np.array([3, 20, 41])
    crop = Crop(Square(10, 20, 100), 64, clip)
    for view in (read_view(aligned / "first.npz"), crop):
        seen = at_size(view.from_clip(clip, frames), (view.size, view.size), (size, size))
        placed = in_crop(seen, frames, (size, size), view=view, crop=crop)
        np.testing.assert_allclose(placed, to_crop(clip, crop.square, 256), atol=1e-9)


def test_a_network_that_is_there_measures_and_is_named(clips, tmp_path):
    weights = [write_random_weights(name, tmp_path).with_suffix(".json") for name in ("lpips_alex", "inception")]
    frames = list(portrait_frames(opening(1.0)))[:4]
    record = scored(clips, tmp_path, frames, "first", "first", weights=weights)
    assert record["metrics"]["lpips"] > 0
    assert {name: known["origin"] for name, known in record["weights"].items()} == dict.fromkeys(
        ("lpips_alex", "inception"), "a seed"
    )
    assert "torch" in record["versions"]
    with np.load(tmp_path / "scores.npz") as features:
        assert {features[f"fid.{side}"].shape for side in ("generated", "reference")} == {(4, 2048)}


def test_fvd_takes_a_clip_whole_where_it_is_asked_to(clips, tmp_path):
    weights = [write_random_weights("i3d", tmp_path).with_suffix(".json")]
    frames = list(portrait_frames(opening(1.0)))[:10]
    record = scored(clips, tmp_path, frames, "first", "first", weights=weights, fvd_window=None)
    assert record["settings"]["FVD"] == "each clip whole, those of 9 to 250 frames"
    assert "fvd" not in record["left_out"]
    with np.load(tmp_path / "scores.npz") as features:
        assert features["fvd.frames"].tolist() == [10]
    record = scored(clips, tmp_path, frames, "first", "first", weights=weights)
    assert record["settings"]["FVD"].startswith("windows of 16 frames, stride 16")
    assert record["left_out"]["fvd"] == "10 frames, it takes 16"
