"""MoDiTalker's two schedules, which are stored as values alone: tables, steps and noised motions."""

import re
from pathlib import Path

import pytest
import torch
from adapters.schedules import tables
from fill import relative_error
from safetensors.torch import load_file

from models.diffusion import Schedule, cosine_schedule, scaled_linear_schedule, start_image, truncated

# AToM's tables are float32 throughout: 1 - x cancels at both ends, and ours would differ by 4e-4.
COSINE = cosine_schedule()
SCHEDULES = {"atom_schedule": Schedule(COSINE.betas.float(), COSINE.steps), "mtov_schedule": scaled_linear_schedule()}
NOT_OURS = r"(loss\.|time_embedding|p2_loss_weight)"  # the systems' own (test_motion_values.py)


@pytest.fixture(params=SCHEDULES)
def stored(request):
    """A schedule and the published values."""
    return SCHEDULES[request.param], load_file(Path(__file__).parent / f"moditalker/{request.param}/values.safetensors")


def test_every_table_is_the_published_one(stored):
    schedule, values = stored
    ours = tables(schedule)
    names = [name for name in values if not re.match(rf"{NOT_OURS}|q_sample|times_|x0_from_eps", name)]
    assert len(names) >= 12
    assert {name: error for name in names if (error := relative_error(ours[name], values[name])) > 3e-6} == {}


def test_the_steps_of_a_sampling_are_the_published_ones(stored):
    """From the highest to -1, the clean image; a `ratio` keeps the last share of them."""
    schedule, values = stored
    names = [name for name in values if name.startswith("times_")]
    assert len(names) >= 4
    for name in names:
        count, _, ratio = name.removeprefix("times_").partition("_ratio_")
        kept = truncated(schedule, int(count))
        kept = kept.head(int(int(count) * float(ratio or 1)))
        assert [*reversed(kept.steps.tolist()), -1] == values[name].tolist(), name


def test_a_motion_is_noised_as_published(stored):
    schedule, values = stored
    start, noise, position = (values[f"q_sample.{name}"] for name in ("x0", "noise", "t"))
    noised = schedule.noisy(start, noise, position)
    assert relative_error(noised, values["q_sample.xt"]) < 1e-6
    if "x0_from_eps" in values:
        found = start_image("noise", values["loss.prediction"], 0.5 * start + noise, schedule, position)
        assert relative_error(found, values["x0_from_eps"]) < 1e-6
    assert torch.isfinite(noised).all()
