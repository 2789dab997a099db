"""LPIPS, FID and FVD over streaming frames against their definitions, with networks whose weights are random."""

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from metrics import fid, fvd, lpips
from metrics.batches import BATCH
from metrics.frechet import Moments, frechet_distance
from metrics.measure import Landmarks, MetricInputs
from metrics.metric import NotComputed
from metrics.scoring import score
from models.perception import inception
from models.perception.i3d import I3D, preprocessed
from models.perception.lpips import distances
from tests.random_weights import random_network, write_random_weights
from toolkit.media.writer import write_video

NETWORKS = ("lpips_alex", "inception", "i3d", "syncnet")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return {name: write_random_weights(name, folder) for name in NETWORKS}


def pictures(count, height=72, width=64, seed=0):
    """Smooth moving patterns."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return [cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR) for picture in small]


def feed(measure, generated, reference):
    for index, frame in enumerate(generated):
        measure.update(frame, reference[index] if index < len(reference) else None)
    return measure


def test_lpips_is_the_mean_over_frames(weights):
    one, other = pictures(BATCH + 2), pictures(BATCH + 2, seed=1)
    found = feed(lpips.measure(MetricInputs(None, weights=weights)), one, other).result()
    expected = distances(random_network("lpips_alex"), np.stack(other), np.stack(one)).mean()
    assert found == {"lpips": pytest.approx(expected, rel=1e-5)}
    assert expected > 0.01


def test_lpips_of_small_pictures_is_not_computed(weights):
    small = pictures(3, 48, 64)
    with pytest.raises(NotComputed, match="64×48 are too small, it takes 64"):
        feed(lpips.measure(MetricInputs(None, weights=weights)), small, small).result()
    with pytest.raises(NotComputed, match="no frame"):
        lpips.measure(MetricInputs(None, weights=weights)).result()


def of_video(network: I3D, frames):
    """I3D's feature (400,) of a video whose frames are all there at once."""
    with torch.inference_mode():
        return network(preprocessed(torch.from_numpy(np.stack(frames))[None]))[0].numpy()


def test_fid_keeps_every_frame_of_both_sides(weights):
    generated, reference = pictures(5), pictures(3, seed=1)
    measure = feed(fid.measure(MetricInputs(None, weights=weights)), generated, reference)
    assert measure.result() == {}
    found = measure.features()
    assert all((found.pop(f"{name}.frames") == [1] * 5).all() for name in fid.PREPROCESSINGS)
    assert {name: rows.shape for name, rows in found.items()} == {
        f"{name}.{side}": (count, 2048)
        for name in ("fid", "fid_pytorch_fid")
        for side, count in (("generated", 5), ("reference", 3))
    }
    network = random_network("inception")
    for name, preprocessing in fid.PREPROCESSINGS.items():
        expected = inception.features(network, np.stack(reference), preprocessing)
        assert np.allclose(found[f"{name}.reference"], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert not np.allclose(found["fid.generated"], found["fid_pytorch_fid.generated"])


def test_fid_of_a_long_clip_takes_evenly_spaced_frames(weights, monkeypatch):
    monkeypatch.setattr(fid, "LIMIT", 4)
    monkeypatch.setattr("models.perception.inception.features", lambda network, frames, _: frames[:, 0, 0, :1])
    numbered = [np.full((64, 64, 3), number, np.uint8) for number in range(19)]
    for count, expected in ((4, [0, 1, 2, 3]), (5, [0, 2, 4]), (9, [0, 4, 8]), (19, [0, 8, 16])):
        measure = feed(fid.measure(MetricInputs(None, weights=weights)), numbered[:count], numbered[:6])
        measure.result()
        found = measure.features()
        assert found["fid.generated"].ravel().tolist() == expected
        assert found["fid.reference"].ravel().tolist() == [number for number in expected if number < 6]
        assert measure.counts() == {"fid_frames": len(expected)}


def test_fvd_takes_all_windows_of_16_frames(weights):
    generated = pictures(35)
    measure = feed(fvd.measure(MetricInputs(None, weights=weights)), generated, generated[:20])
    assert measure.result() == {}
    assert measure.counts() == {"fvd_windows": 2, "fvd_frames_left_out": 3}
    found = measure.features()
    assert (found["fvd.generated"].shape, found["fvd.reference"].shape) == ((2, 400), (1, 400))
    assert found["fvd.frames"].tolist() == [16, 16]
    second = of_video(random_network("i3d"), generated[16:32])
    assert np.abs(found["fvd.generated"][1] - second).max() < 1e-4 * np.abs(second).max()
    assert np.abs(found["fvd.generated"][0] - second).max() > 1e-3 * np.abs(second).max()


def test_fvd_of_a_short_clip_is_not_computed_but_of_the_whole_is(weights):
    generated = pictures(12)
    with pytest.raises(NotComputed, match="12 frames, it takes 16"):
        feed(fvd.measure(MetricInputs(None, weights=weights)), generated, []).result()
    given = MetricInputs(None, weights=weights, fvd_window=None)
    measure = feed(fvd.measure(given), generated, [])
    assert measure.result() == {}
    found = measure.features()
    assert found["fvd.frames"].tolist() == [12]
    [row] = found["fvd.generated"]
    whole = of_video(random_network("i3d"), generated)
    assert np.abs(row - whole).max() < 1e-4 * np.abs(whole).max()
    assert measure.counts() == {"fvd_windows": 1, "fvd_frames_left_out": 0}
    with pytest.raises(NotComputed, match="8 frames, it takes 9"):
        feed(fvd.measure(given), generated[:8], []).result()


def test_fvd_looks_no_longer_than_there_is_a_reference(weights):
    """Both sides are to have equally many frames."""
    given = MetricInputs(None, reference="real.mp4", weights=weights, fvd_window=None)
    measure = feed(fvd.measure(given), pictures(14), pictures(10, seed=1))
    measure.result()
    assert measure.features()["fvd.frames"].tolist() == [10]


def test_a_clip_too_long_to_be_taken_whole_is_left_out_and_not_held(weights, monkeypatch):
    monkeypatch.setattr(fvd, "MOST", 10)
    given = MetricInputs(None, weights=weights, fvd_window=None)
    measure = feed(fvd.measure(given), pictures(12), pictures(10))
    assert sum(map(len, measure._waiting.values())) == 10  # the reference's, which is short enough
    with pytest.raises(NotComputed, match="12 frames, it takes 10 of a whole clip at most"):
        measure.result()
    assert "fvd.generated" not in measure.features()
    assert measure.features()["fvd.reference"].shape == (1, 400)


@pytest.mark.parametrize("file", [fid, fvd])
def test_the_real_clips_leave_no_features(file, weights):
    measure = feed(
        file.measure(MetricInputs("real.mp4", reference="real.mp4", weights=weights)), pictures(20), pictures(20)
    )
    with pytest.raises(NotComputed, match="which these are"):
        measure.result()
    assert measure.features() == {}


def test_more_noise_is_farther_from_the_truth(weights):
    """Distances of sets order what is plainly ordered, even by random features."""
    truth, rng = pictures(4), np.random.default_rng(5)
    found = []
    for noise in (5, 60):
        noisy = [np.clip(frame + rng.normal(0, noise, frame.shape), 0, 255).astype(np.uint8) for frame in truth]
        rows = feed(fid.measure(MetricInputs(None, weights=weights)), noisy, truth)
        rows.result()
        sides = Moments(), Moments()
        for side, name in zip(sides, ("generated", "reference"), strict=True):
            side.update(rows.features()[f"fid.{name}"])
        found.append(frechet_distance(*sides))
    assert 0 < found[0] < 0.5 * found[1]


@pytest.fixture(scope="module")
def portrait():
    return np.ascontiguousarray(astronaut()[12:204, 124:316])


@pytest.mark.slow
def test_one_pass_over_a_video_serves_them_all(weights, portrait, tmp_path):
    """Through the scoring itself, with sound and every network that is at hand."""
    shifted = (np.roll(portrait, t % 3, axis=1) for t in range(18))
    write_video(tmp_path / "generated.mp4", shifted)
    write_video(tmp_path / "reference.mp4", (portrait for _ in range(18)))
    sound = np.random.default_rng(0).normal(0, 0.1, 640 * 18).astype(np.float32)
    given = MetricInputs(
        tmp_path / "generated.mp4", reference=tmp_path / "reference.mp4", sound=sound, weights=weights,
        reasons={"s3fd": "not placed"},
    )  # fmt: skip

    def track(frames):
        count = sum(1 for _ in frames)
        return Landmarks(np.zeros((count, 68, 2)), np.zeros(count, bool))

    record, features = score(given, track)
    assert {"lpips", "csim_dlib", "lse_d", "lse_c", "av_offset"} <= record["metrics"].keys()
    assert record["left_out"]["lse_d_tracked"] == "not placed"
    assert record["left_out"]["lpips_vgg"] == "no weights of lpips_vgg"
    assert not {"fid", "fvd"} & record["left_out"].keys()
    assert record["counts"]["fvd_windows"] == 1
    assert record["weights"]["i3d"]["origin"] == "a seed"
    assert features["fid.generated"].shape == (18, 2048)
    assert features["fvd.reference"].shape == (1, 400)
