"""benchmarks.flow_difftalk at the size of `debug`: both flows give the same, ours with less arithmetic."""

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flow_difftalk import PARTS, compare, written_out
from benchmarks.recorder import Recorder
from models.winograd import with_winograd


@pytest.fixture(scope="module")
def tables():
    return compare("debug", frames=2, calls=1, clip=100)


def test_flows_are_equal(tables):
    _, differences = tables
    assert differences.flow.tolist() == ["ours", "ours, quick"]
    assert (differences[["network", "latents"]] < 1e-5).all(axis=None)
    assert (differences["levels of 255"] < 0.1).all()


def test_a_frame_costs_the_sum_of_its_parts(tables):
    costs = tables[0].set_index(["flow", "part"])
    assert costs["a frame"]["published"].dropna().to_dict() == {"encode": 3, "step": 4, "decode": 2}
    assert costs["a frame"]["ours"].dropna().to_dict() == {"encode": 2.02, "prepare": 1, "step": 4, "decode": 1}
    for unit in ("GMAC", "s"):
        for flow in ("published", "ours", "ours, quick"):
            parts = costs[unit][flow]
            assert (parts > 0).all()
            assert parts["whole"] == pytest.approx(parts.drop("whole").sum())


def test_ours_computes_less(tables):
    arithmetic = tables[0].set_index(["flow", "part"]).GMAC
    published, ours, quick = (arithmetic[flow] for flow in ("published", "ours", "ours, quick"))
    assert ours["decode"] == pytest.approx(published["decode"] / 2)
    assert ours["encode"] == pytest.approx(published["encode"] * 2.02 / 3)
    assert ours["step"] < published["step"]
    assert quick["step"] == ours["step"], "nothing in `debug` has enough channels"


@torch.inference_mode()
def test_arithmetic_of_attention_and_of_quick_convolutions_is_counted():
    recorder = Recorder(PARTS)
    query, key, value = torch.randn(3, 2, 4, 16, 8).unbind()
    fused = recorder("step", functional.scaled_dot_product_attention)(query, key, value)
    torch.testing.assert_close(fused, written_out(query, key, value))
    assert recorder.operations("step") == 2 * 4 * 16 * 16 * 8
    with FlopCounterMode(display=False) as counter:
        written_out(query, key, value)
    assert counter.get_total_flops() / 2 == 2 * recorder.operations("step")
    layers = torch.nn.Sequential(torch.nn.Conv2d(96, 96, 3, padding=1))
    x = torch.randn(1, 96, 8, 8)
    recorder("encode", layers)(x)
    quick = recorder("decode", with_winograd(layers))
    quick(x)  # makes the kernel, too
    quick(x)
    assert recorder.operations("decode") == recorder.operations("encode") * 4 / 9
