"""Blocks that listen, against their formulas written out."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.diffused_heads.layers import ConditionedBlock, SpeechAttention

INPUTS = torch.randn(2, 8, 4, 6, generator=torch.Generator().manual_seed(0))
TIME, AUDIO = torch.randn(2, 2, 12, generator=torch.Generator().manual_seed(1))


def block(outputs: int = 8, speech: str | None = "scale_shift", direction: str | None = None) -> ConditionedBlock:
    torch.manual_seed(0)
    return ConditionedBlock(8, outputs, direction, groups=4, embedding=12, speech=speech, dropout=0.1).eval()


def disturbed(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(2)
    for parameter in module.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return module


@pytest.mark.parametrize("direction", [None, "down", "up"])
def test_a_fresh_block_only_resamples(direction):
    """Its last convolution starts at zero."""
    found = block(direction=direction)(INPUTS, TIME, AUDIO)
    wanted = {
        None: INPUTS,
        "down": functional.avg_pool2d(INPUTS, 2),
        "up": INPUTS.repeat_interleave(2, 2).repeat_interleave(2, 3),
    }[direction]
    torch.testing.assert_close(found, wanted)


def of_embedding(layers: nn.Sequential, embedding: Tensor) -> Tensor:
    return layers[1](functional.silu(embedding))[:, :, None, None]


@pytest.mark.parametrize("speech", ["scale_shift", "scale", None])
@torch.no_grad()
def test_time_comes_first_then_speech_after_one_normalisation(speech):
    layer = disturbed(block(outputs=12, speech=speech))
    hidden = layer.in_layers[2](functional.silu(functional.group_norm(INPUTS, 4, *layer.in_layers[0].parameters())))
    hidden = functional.group_norm(hidden, 4, *layer.out_layers[0].parameters())
    time = of_embedding(layer.t_emb_layers, TIME)
    hidden = hidden * (1 + time[:, :12]) + time[:, 12:]
    if speech == "scale_shift":
        audio = of_embedding(layer.audio_emb_layers, AUDIO)
        hidden = hidden * (1 + audio[:, :12]) + audio[:, 12:]
    elif speech == "scale":
        hidden = hidden * of_embedding(layer.audio_emb_layers, AUDIO)
    wanted = layer.skip_connection(INPUTS) + layer.out_layers[3](functional.silu(hidden))
    torch.testing.assert_close(layer(INPUTS, TIME, AUDIO), wanted)


@torch.no_grad()
def test_a_block_without_speech_does_not_hear():
    layer = disturbed(block(speech=None))
    assert not hasattr(layer, "audio_emb_layers")
    assert torch.equal(layer(INPUTS, TIME, AUDIO), layer(INPUTS, TIME, 2 * AUDIO))
    assert not torch.equal(layer(INPUTS, TIME, AUDIO), layer(INPUTS, 2 * TIME, AUDIO))


def test_dropout_is_for_training_alone():
    layer = disturbed(block())
    assert torch.equal(layer(INPUTS, TIME, AUDIO), layer(INPUTS, TIME, AUDIO))
    layer.train()
    assert not torch.equal(layer(INPUTS, TIME, AUDIO), layer(INPUTS, TIME, AUDIO))


@torch.no_grad()
def test_attention_to_speech_with_one_head_is_softmax_over_its_positions():
    torch.manual_seed(0)
    layer = SpeechAttention(8, groups=4, heads=1, embedding=12, pixels=24)
    torch.testing.assert_close(layer(INPUTS, TIME, AUDIO), INPUTS)  # its last convolution starts at zero
    disturbed(layer)
    flat = INPUTS.flatten(2)
    heard = functional.group_norm(layer.audio_emb_proj(AUDIO)[:, None].repeat(1, 8, 1), 4, *layer.norm_emb.parameters())
    query = layer.q(functional.group_norm(flat, 4, *layer.norm_x.parameters()))
    key, value = layer.kv(heard).chunk(2, dim=1)
    scores = (torch.einsum("nci,ncj->nij", query, key) / 8**0.5).softmax(dim=-1)
    wanted = flat + layer.proj_out(torch.einsum("nij,ncj->nci", scores, value))
    torch.testing.assert_close(layer(INPUTS, TIME, AUDIO), wanted.view_as(INPUTS), rtol=1e-4, atol=1e-5)
    assert torch.equal(layer(INPUTS, TIME, AUDIO), layer(INPUTS, 5 * TIME, AUDIO))
