import subprocess
import sys

import pytest
import torch

from models.diffusion import generator_for, noise_for


def test_noise_is_standard_normal():
    noise = noise_for(0, "clip", 0, (3, 64, 64))
    assert noise.shape == (3, 64, 64)
    assert noise.dtype == torch.float32
    assert noise.mean().abs() < 0.03
    assert noise.std().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("other", [(1, "clip", 0), (0, "clip2", 0), (0, "clip", 1), (0, "cli", 0), (0, "clip0", 0)])
def test_each_of_seed_name_and_index_matters(other):
    assert not torch.equal(noise_for(0, "clip", 0, (8,)), noise_for(*other, (8,)))


def test_noise_neither_uses_nor_moves_the_global_generator():
    torch.manual_seed(5)
    first, after = noise_for(3, "ünïcode", 7, (4,)), torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    assert torch.equal(first, noise_for(3, "ünïcode", 7, (4,)))


def test_a_generator_gives_that_noise_first_and_then_goes_on():
    generator = generator_for(3, "clip", 7)
    first, then = (torch.randn(8, generator=generator) for _ in range(2))
    assert torch.equal(first, noise_for(3, "clip", 7, (8,)))
    assert not torch.equal(first, then)


def test_noise_is_the_same_in_another_process():
    """Python's own hash of a string would not be."""
    program = "from models.diffusion.noise import noise_for; print(noise_for(3, 'clip', 7, (4,)).tolist())"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(noise_for(3, "clip", 7, (4,)).tolist())
