"""What the parity cases do not say of the networks: sizes, batches, clips at once, and boxes."""

import numpy as np
import pytest
import torch

from models.perception import i3d, inception, lpips, s3fd, syncnet
from tests.random_weights import random_network


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_lips_of_a_clip_at_once_equal_those_window_by_window():
    network, frames = random_network("syncnet"), pictures(8, 224, 224, 3)
    at_once = syncnet.lip_embeddings(network, frames)
    assert at_once.shape == (4, 1024)
    alone = np.concatenate([syncnet.lip_embeddings(network, frames[i : i + 5]) for i in range(4)])
    assert np.abs(at_once - alone).max() < 1e-5 * np.abs(alone).max()
    assert np.abs(alone[0] - alone[1]).max() > 1e-2 * np.abs(alone).max()


def test_speech_windows_are_independent():
    network = random_network("syncnet")
    windows = np.random.default_rng(0).normal(0, 20, (3, 13, 20)).astype(np.float32)
    together = syncnet.speech_embeddings(network, windows)
    alone = syncnet.speech_embeddings(network, windows[1:2])
    assert np.abs(together[1:2] - alone).max() < 1e-5 * np.abs(alone).max()


@pytest.mark.parametrize("preprocessing", inception.PREPROCESSINGS)
@pytest.mark.parametrize("size", [(64, 48), (299, 299), (320, 400)])
def test_any_size_becomes_299_and_grey_stays_grey(preprocessing, size):
    images = inception.PREPROCESSINGS[preprocessing](torch.full((1, 3, *size), 64, dtype=torch.uint8))
    assert images.shape == (1, 3, 299, 299)
    expected = 2 * 64 / 255 - 1 if preprocessing == "pytorch_fid" else -0.5
    assert torch.allclose(images, torch.tensor(expected), atol=1e-5)


def test_tensorflows_resize_reads_from_the_corner():
    """Doubling 150 columns to 299: output k is read at k · 150/299, without a half pixel's shift."""
    ramp = torch.arange(150, dtype=torch.uint8).expand(1, 3, 150, 150)
    row = inception.resized_torch_fidelity(ramp)[0, 0, 0] * 128 + 128
    assert torch.allclose(row, (torch.arange(299) * 150 / 299).clamp(max=149), atol=1e-3)


def test_inception_features_do_not_depend_on_the_batch():
    network, frames = random_network("inception"), pictures(2, 80, 64, 3)
    together = inception.features(network, frames, "torchmetrics")
    alone = inception.features(network, frames[1:], "torchmetrics")
    assert together.shape == (2, 2048)
    assert np.abs(together[1] - alone[0]).max() < 1e-4 * np.abs(alone).max()
    assert np.abs(together[0] - together[1]).max() > 1e-2 * np.abs(alone).max()


@pytest.mark.parametrize(("size", "kernel", "stride"), [(16, 3, 2), (15, 3, 2), (7, 2, 2), (224, 7, 2), (5, 3, 1)])
def test_same_padding_makes_the_ceiling(size, kernel, stride):
    padded = i3d._same(torch.ones(1, 1, size, size, size), (kernel,) * 3, (stride,) * 3)
    assert (padded.shape[2] - kernel) // stride + 1 == -(-size // stride)
    front = int((padded[0, 0, :, padded.shape[3] // 2, padded.shape[4] // 2] == 0).float().argmin())
    assert front == (padded.shape[2] - size) // 2, "the smaller half is in front"


@pytest.mark.parametrize("size", [(48, 64), (300, 224), (225, 401)])
def test_videos_are_cropped_to_the_centre(size):
    frames = torch.zeros(1, 1, *size, 3, dtype=torch.uint8)
    frames[:, :, size[0] // 2 - 2 : size[0] // 2 + 2, size[1] // 2 - 2 : size[1] // 2 + 2] = 255
    video = i3d.preprocessed(frames)
    assert video.shape == (1, 3, 1, 224, 224)
    rows, columns = torch.nonzero(video[0, 0, 0] > 0, as_tuple=True)
    assert abs(rows.float().mean() - 111.5) <= 3
    assert abs(columns.float().mean() - 111.5) <= 3


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_lpips_is_a_distance(trunk):
    network, (one, other) = random_network(f"lpips_{trunk}"), pictures(2, 1, 64, 80, 3)
    there, back = lpips.distances(network, one, other), lpips.distances(network, other, one)
    assert there.shape == (1,)
    assert there == pytest.approx(back)
    assert there > 0
    assert lpips.distances(network, one, one) == 0


def test_priors_stand_at_the_centres_of_cells():
    found = s3fd.priors([(2, 3), *[(1, 1)] * 5], height=8, width=12)
    assert found.shape == (11, 4)
    assert torch.allclose(found[4], torch.tensor([1.5 * 4 / 12, 1.5 * 4 / 8, 16 / 12, 16 / 8]))


def test_offsets_of_zero_are_the_priors_themselves():
    priors = torch.tensor([[0.5, 0.25, 0.2, 0.1]])
    assert torch.allclose(s3fd.decoded(torch.zeros(1, 4), priors), torch.tensor([[0.4, 0.2, 0.6, 0.3]]))


def test_the_better_of_two_boxes_that_overlap_stays():
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [0, 5, 10, 15.0]])
    scores = torch.tensor([0.6, 0.9, 0.7, 0.5])
    assert s3fd.not_suppressed(boxes, scores, 0.3).tolist() == [1, 2, 3]
    assert s3fd.not_suppressed(boxes, scores, 0.1).tolist() == [1, 2]
    assert s3fd.not_suppressed(boxes[:0], scores[:0], 0.1).tolist() == []


def test_no_face_in_a_small_picture():
    """Half of 20 rows becomes 32 rows; unlikely candidates give no face."""
    network = random_network("s3fd")
    for layer in network.conf:
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([4.0] * (len(layer.bias) - 1) + [-4.0]))
    found = s3fd.find_faces(network, list(pictures(2, 20, 40, 3)), scale=0.5)
    assert [faces.shape for faces in found] == [(0, 5), (0, 5)]


def test_a_certain_cell_becomes_a_face_in_the_pictures_own_pixels():
    network = random_network("s3fd")
    for loc, conf in zip(network.loc, network.conf, strict=True):
        for layer in (loc, conf):
            layer.weight.zero_()
            layer.bias.zero_()
        conf.bias[0] = 9.0
    network.conf[4].bias.copy_(torch.tensor([-9.0, 9.0]))  # one cell of 64 pixels, a prior of 256
    [faces] = s3fd.find_faces(network, [pictures(128, 128, 3)], scale=0.5)
    assert faces.shape == (1, 5)
    assert faces[0] == pytest.approx([64 - 256, 64 - 256, 64 + 256, 64 + 256, 1], abs=1e-2)
