"""benchmarks.flow_moditalker with tiny networks: both flows give the same, ours with less arithmetic."""

from dataclasses import replace

import pytest

from benchmarks.flow_moditalker import Networks, compare, random_networks
from models.moditalker.presets import PRESETS
from tests.models.moditalker.tiny_clips import FRAMES, PLACES, ConvolvedAutoEncoder, tiny_latents

NETWORK = {"size": PLACES, "frames": FRAMES, "channels": 3, "width": 16, "multipliers": (1, 2), "attention": ()}
NETWORK |= {"blocks": 1, "heads": 2, "groups": 4}


@pytest.fixture(scope="module")
def tables():
    preset = replace(PRESETS["mtov"]["published"], network=NETWORK)
    networks = random_networks(lambda: Networks(ConvolvedAutoEncoder(), ConvolvedAutoEncoder(), preset.build()))
    return compare(networks, tiny_latents().assembly, preset, clips=2, calls=1, video=10)


def test_flows_are_equal(tables):
    _, difference = tables
    assert difference["network"] < 1e-4
    assert difference["video"] < 1e-4
    assert difference["levels of 255"] <= 1


def test_a_clip_costs_the_sum_of_its_parts(tables):
    costs = tables[0].set_index(["flow", "part"])
    assert costs["a clip"]["published"].dropna().to_dict() == {"encode": 4, "step": 25, "decode": 1}
    assert costs["a clip"]["ours"].dropna().to_dict() == {"encode": 2.1, "prepare": 1, "step": 25, "decode": 1}
    for unit in ("GMAC", "s"):
        for flow in ("published", "ours"):
            parts = costs[unit][flow]
            assert (parts > 0).all()
            assert parts["whole"] == pytest.approx(parts.drop("whole").sum())


def test_ours_computes_less(tables):
    arithmetic = tables[0].set_index(["flow", "part"]).GMAC
    published, ours = arithmetic["published"], arithmetic["ours"]
    assert ours["encode"] == pytest.approx(published["encode"] * 2.1 / 4)
    assert ours["decode"] == pytest.approx(published["decode"])
    saved = published["step"] - ours["step"]
    assert saved == pytest.approx(25 * ours["prepare"]), "the first convolution of what is known"
