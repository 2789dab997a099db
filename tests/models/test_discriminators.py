"""Patch discriminators of pictures and of videos: their shapes and what one logit sees."""

import pytest
import torch

from models.discriminators import PatchDiscriminator


@pytest.mark.parametrize("dims", [2, 3])
def test_a_patch_discriminator_sees_patches(dims):
    network = PatchDiscriminator(dims, width=8).eval()
    x = torch.randn(2, 3, *([16] * (dims - 2)), 64, 64, requires_grad=True)
    logits, features = network.features(x)
    assert torch.equal(network(x), logits)
    assert [layer.shape[1] for layer in features] == [8, 16, 32, 64]
    assert logits.shape[:2] == (2, 1)
    logits[0, 0].flatten()[0].backward()
    assert x.grad[0, ..., 0, 0].abs().sum() > 0
    assert x.grad[0, ..., -1, -1].abs().sum() == 0
    assert x.grad[1].abs().sum() == 0
