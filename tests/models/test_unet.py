"""The parts that every UNet is made of, against their formulas."""

import pytest
import torch

from models.unet import Attention, GroupNorm, qkv_attention, scale_shift, sinusoids


def test_group_norm_is_computed_in_float32():
    """Around a mean of 100 bfloat16 steps by 0.5; the statistics must still be those of the values that came in."""
    x = (100 + torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(0))).bfloat16()
    normed = GroupNorm(2, 8)(x)
    assert normed.dtype == torch.bfloat16
    groups = normed.float().view(2, -1)
    torch.testing.assert_close(groups.mean(dim=1), torch.zeros(2), rtol=0, atol=5e-3)
    torch.testing.assert_close(groups.std(dim=1), torch.ones(2), rtol=0, atol=5e-3)


def test_attention_is_softmax_over_all_pixels():
    """Against the formula of the specification, section 4.3, written out."""
    torch.manual_seed(0)
    layer = Attention(16, groups=4)
    torch.nn.init.normal_(layer.proj_out.weight)
    x = torch.randn(2, 16, 5, 3)
    with torch.no_grad():
        flat = x.flatten(2)
        query, key, value = layer.qkv(layer.norm(flat)).split(16, dim=1)
        scores = torch.einsum("nci,ncj->nij", query * 16**-0.25, key * 16**-0.25).softmax(dim=-1)
        wanted = flat + layer.proj_out(torch.einsum("nij,ncj->nci", scores, value))
        torch.testing.assert_close(layer(x), wanted.view_as(x), rtol=1e-4, atol=1e-4)


def test_heads_attend_by_themselves():
    """Each head's query, key and value stand together; a head sees no other."""
    qkv = torch.randn(2, 3 * 12, 7, generator=torch.Generator().manual_seed(0))
    alone = [qkv_attention(part, 1) for part in qkv.chunk(3, dim=1)]
    torch.testing.assert_close(qkv_attention(qkv, 3), torch.cat(alone, dim=1))


@pytest.mark.parametrize("span", [4, 16])
def test_sinusoids_fall_from_one_by_powers_of_ten_thousand(span):
    t = torch.tensor([3, 999])
    angles = t[:, None] * 10_000.0 ** (-torch.arange(4) / span)
    wanted = torch.cat([angles.cos(), angles.sin()], dim=1)
    torch.testing.assert_close(sinusoids(t, 4, span), wanted, rtol=0, atol=1e-4)


def test_modulation_by_zero_changes_nothing():
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(scale_shift(x, torch.zeros(2, 6)), x)
    shifted = scale_shift(x, torch.tensor([1.0, 1, 1, 5, 5, 5]).expand(2, 6))
    torch.testing.assert_close(shifted, 2 * x + 5)
