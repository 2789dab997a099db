"""The UNet at tiny sizes; at the published one it is a parity case."""

import re

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.difftalk.layers import SpatialTransformer
from models.difftalk.unet import UNet

TINY = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (1,), "head_width": 4, "context": 6, "groups": 4}
EXACT = 5e-6  # the parity cases' bar


@pytest.fixture
def unet() -> UNet:
    """With no layer that is zero."""
    return filled(UNet(**TINY))


def filled(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noisy latents, steps, known latents, and a context of one token."""
    generator = torch.Generator().manual_seed(1)
    x, known = (torch.randn(2, channels, 8, 12, generator=generator) for channels in (3, 6))
    return x, torch.tensor([7, 407]), known, torch.randn(2, 1, 6, generator=generator)


def apart(ours: Tensor, wanted: Tensor) -> float:
    """Relative error; of what is nothing, the absolute one."""
    return ((ours - wanted).norm() / (wanted.norm() or 1)).item()


def in_general(unet: UNet, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
    """With queries and keys: two tokens that are the same are what one is."""
    return unet(x, t, context.expand(-1, 2, -1))


def gradients(unet: nn.Module, loss: Tensor) -> dict[str, Tensor | None]:
    found = torch.autograd.grad(loss, list(unet.parameters()), allow_unused=True)
    return dict(zip(dict(unet.named_parameters()), found, strict=True))


def test_one_token_needs_no_queries(unet):
    x, t, known, context = batch()
    joined = torch.cat([x, known], dim=1)
    assert apart(unet(joined, t, context), in_general(unet, joined, t, context)) < EXACT


def test_one_token_has_the_gradients_of_the_general_way(unet):
    """All of them, those of the queries and keys too: zero, and not none, for which distributed training would wait."""
    x, t, known, context = batch()
    joined = torch.cat([x, known], dim=1)
    ours = gradients(unet, unet(joined, t, context).square().sum())
    general = gradients(unet, in_general(unet, joined, t, context).square().sum())
    assert all(gradient is not None for gradient in ours.values())
    idle = {name for name in ours if re.search(r"attn2\.to_[qk]|norm2", name)}
    assert len(idle) == 4 * sum(isinstance(module, SpatialTransformer) for module in unet.modules())
    assert not [name for name in idle if ours[name].any()]
    # In general they are sums that cancel, but for rounding.
    assert max(general[name].norm() for name in idle) < 1e-5 * max(gradient.norm() for gradient in general.values())
    assert {name for name in ours.keys() - idle if apart(ours[name], general[name]) > 1e-5} == set()


def test_what_is_prepared_once_changes_nothing(unet):
    x, t, known, context = batch()
    wanted = in_general(unet, torch.cat([x, known], dim=1), t, context)
    assert apart(unet.denoise(x, t, unet.prepare(known, context)), wanted) < EXACT


def test_a_step_computes_nothing_of_queries_keys_and_known_latents(unet):
    x, t, known, context = batch()
    prepared = unet.prepare(known, context)
    used = []
    for name, module in unet.named_modules():
        module.register_forward_hook(lambda *_, name=name: used.append(name))
    unet.denoise(x, t, prepared)
    assert used
    assert not [name for name in used if "attn2" in name or "norm2" in name or name.startswith("input_blocks.0")]


def test_any_number_of_tokens_and_their_order_is_free(unet):
    x, t, known, _ = batch()
    context = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(2))
    joined = torch.cat([x, known], dim=1)
    first = unet(joined, t, context)
    assert apart(unet(joined, t, context.flip(1)), first) < EXACT
    assert apart(unet(joined, t, context[:, :4]), first) > 1e-3


def test_recomputing_changes_neither_output_nor_gradients(unet):
    x, t, known, context = batch()
    again = UNet(**TINY, recompute=True)
    again.load_state_dict(unet.state_dict())
    losses = [network(torch.cat([x, known], dim=1), t, context).square().sum() for network in (unet, again)]
    assert torch.equal(*losses)
    ours, theirs = gradients(unet, losses[0]), gradients(again, losses[1])
    assert {name for name in ours if apart(ours[name], theirs[name]) > 1e-6} == set()


def test_recomputing_keeps_less():
    kept = {}
    for recompute in (False, True):
        unet = filled(UNet(**TINY, recompute=recompute))
        x, t, known, context = batch()
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, sizes=sizes: sizes.append(x.numel()) or x, lambda x: x):
            unet(torch.cat([x, known], dim=1), t, context)
        kept[recompute] = sum(sizes)
    assert kept[True] < kept[False] / 3


def test_a_fresh_network_answers_nothing():
    x, t, known, context = batch()
    assert not UNet(**TINY)(torch.cat([x, known], dim=1), t, context).any()


def test_norms_have_the_published_epsilons():
    for module in UNet(**TINY).modules():
        if isinstance(module, SpatialTransformer):
            assert module.norm.eps == 1e-6
    others = [
        module.eps
        for name, module in UNet(**TINY).named_modules()
        if isinstance(module, nn.GroupNorm | nn.LayerNorm) and not name.endswith(".norm")
    ]
    assert set(others) == {1e-5}


def test_the_published_network_costs_what_was_counted():
    """Multiply-accumulates of a step at 64 x 64 (specification, section 15), with two tokens and with what is saved of one."""
    with torch.device("meta"):
        unet = UNet()
        x, known, context = torch.empty(1, 3, 64, 64), torch.empty(1, 6, 64, 64), torch.empty(1, 1, 128)
        t = torch.empty(1, dtype=torch.int64)
        prepared = unet.prepare(known, context)
        calls = {171.4: lambda: in_general(unet, torch.cat([x, known], 1), t, context)}
        calls[166.3] = lambda: unet.denoise(x, t, prepared)
        for giga, call in calls.items():
            with FlopCounterMode(display=False) as counter:
                call()
            assert counter.get_total_flops() / 2e9 == pytest.approx(giga, abs=0.1)
    assert sum(value.numel() for value in unet.parameters()) == 530_152_963
