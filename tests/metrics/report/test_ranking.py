"""Which system the report calls the best, and why it calls none."""

import numpy as np
import pandas as pd
import pytest

from metrics.metric import NotComputed
from metrics.report.page import render
from metrics.report.ranking import FEWEST_CLIPS, Best, best_systems
from metrics.sets import SetValue
from metrics.tables import metrics_table, summary_table

BASELINES = ("ground_truth", "still")
CLIPS = 8
HARD = 5 * np.arange(CLIPS)
"""Clips differ far more than the systems do on each of them."""
SIZE = {"generated": [64, 64], "reference": [128, 128]}


def record(system, clip, metrics, sizes=SIZE):
    names = {"system": system, "pair": f"{clip}--{clip}", "video": str(clip), "audio": str(clip), "kind": "self"}
    about = {"settings": {}, "versions": {}, "openings": {}, "left_out": {}, "counts": {"frames": 10}, "sizes": sizes}
    return names | about | {"metrics": metrics}


def records(name, /, **systems):
    """A score of each system on each clip, of the metric `name`."""
    return [
        record(system, clip, {name: float(v)}) for system, values in systems.items() for clip, v in enumerate(values)
    ]


def best(name, found, sets=()):
    return best_systems(summary_table(found, sets), metrics_table(found), found, BASELINES)[name, "self"]


@pytest.mark.parametrize(("name", "sign"), [("f_lmd", -1), ("mouth_correlation", 1)])
def test_a_small_lead_on_every_clip_is_more_than_noise(name, sign):
    found = records(name, a=sign * HARD, b=sign * HARD + sign * 0.1, c=sign * HARD - sign)
    assert best(name, found) == Best("b", "")


def test_a_lead_that_turns_from_clip_to_clip_may_be_noise():
    found = records("f_lmd", a=HARD, b=HARD + np.resize([3, -3.1], CLIPS))
    assert best("f_lmd", found) == Best("b", "may be noise")


def test_the_nearest_other_may_be_far_on_every_clip_and_a_third_near():
    far = records("f_lmd", a=HARD, b=HARD + 1)
    assert best("f_lmd", far) == Best("a", "")
    assert best("f_lmd", far + records("f_lmd", c=HARD + np.resize([15, -12], CLIPS))) == Best("a", "may be noise")


def test_equal_systems_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    runs = [records("f_lmd", a=HARD + rng.normal(size=CLIPS), b=HARD + rng.normal(size=CLIPS)) for _ in range(100)]
    empty = {"kind": "self", "metric": "f_lmd", "count": CLIPS}
    told = 0
    for found in runs:
        means = metrics_table(found).groupby("system")["f_lmd"].mean()
        summary = pd.DataFrame([empty | {"system": system, "mean": mean} for system, mean in means.items()])
        told += best_systems(summary, metrics_table(found), found, ())["f_lmd", "self"].doubt == ""
    assert 1 <= told <= 10  # 5 % of 100 are 5


def test_equal_values_are_no_lead():
    assert best("f_lmd", records("f_lmd", a=HARD, b=HARD)) == Best("a", "may be noise")


@pytest.mark.parametrize(("clips", "doubt"), [(FEWEST_CLIPS - 1, "too few clips"), (FEWEST_CLIPS, "")])
def test_few_clips_tell_nothing(clips, doubt):
    assert best("f_lmd", records("f_lmd", a=HARD[:clips], b=HARD[:clips] + 1)) == Best("a", doubt)


def test_clips_are_compared_that_both_systems_have():
    assert best("f_lmd", records("f_lmd", a=HARD, b=HARD[:3] + 1)) == Best("b", "too few clips")


def test_baselines_lead_nothing():
    found = records("f_lmd", ground_truth=HARD - 9, still=HARD - 8, a=HARD, b=HARD + 1)
    assert best("f_lmd", found) == Best("a", "")
    assert best("f_lmd", [one for one in found if one["system"] != "b"]) == Best("a", "the only system")
    truth = found[:CLIPS]
    assert best_systems(summary_table(truth), metrics_table(truth), truth, BASELINES) == {}


@pytest.mark.parametrize(
    ("name", "side", "doubt"),
    [
        ("psnr", "reference", "sizes differ"),
        ("psnr", "generated", ""),  # brought to the reference's size
        ("cpbd", "generated", "sizes differ"),
        ("cpbd", "reference", ""),
        ("f_lmd", "generated", ""),  # taken at one size, whatever the picture's
    ],
)
def test_pictures_of_different_sizes_do_not_compare(name, side, doubt):
    found = records(name, a=HARD, b=HARD + 1)
    for one in found[CLIPS:]:
        one["sizes"] = SIZE | {side: [99, 99]}
    assert best(name, found).doubt == doubt


def test_sets_have_no_interval():
    sets = [SetValue(system, "self", "fid", value, 8, 80) for system, value in (("a", 3.0), ("b", 2.0))]
    assert best("fid", records("f_lmd", a=HARD, b=HARD), sets) == Best("b", "no interval")


def test_the_page_marks_the_best_and_says_why_a_set_has_no_value():
    found = records("f_lmd", ground_truth=HARD - 9, a=HARD, b=HARD + 1)
    sets = [
        SetValue("a", "self", "fid", 3.0, 8, 80),
        SetValue("b", "self", "fid", NotComputed("<i>too</i> few"), 0, 0),
    ]
    html = render(metrics_table(found), summary_table(found, sets), found, []).html
    assert html.count('"num best"') == 1
    row = html[html.index('"num best"') - 200 : html.index('"num best"')]
    assert "</span>a</th>" in row
    assert "</span>a</b> is <b" not in html  # no metric of the headline
    assert '<tr><th scope="row">Best</th><td class="num"><b>a</b></td></tr>' in html
    assert html.count('<tr class="baseline">') == 2 + CLIPS  # of the truth: landmarks, sets, every pair
    assert '–<small class="line">&lt;i&gt;too&lt;/i&gt; few</small>' in html
    assert "<dt>FID</dt><dd>&lt;i&gt;too&lt;/i&gt; few" in html  # among what is left out
