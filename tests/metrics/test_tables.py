import math

import numpy as np
import pandas as pd
import pytest

from metrics.metric import NotComputed
from metrics.papers import Figure
from metrics.registry import BY_NAME
from metrics.sets import SetValue
from metrics.tables import interval, metrics_table, read_metrics, read_summary, summands, summary_table


def record(system, video, audio, pooled=None, **values):
    names = {"system": system, "pair": f"{video}--{audio}", "video": video, "audio": audio}
    kind = "self" if video == audio else "crossed"
    left_out = {name: f"no {name} of {video}" for name in BY_NAME.keys() - values.keys()}
    scored = {"metrics": values, "left_out": left_out, "pooled": pooled or {}}
    return {**names, "kind": kind, "counts": {"frames": 50}, **scored}


@pytest.fixture
def records():
    return [
        record("zebra", "a", "a", psnr=20.0, ssim=0.5),
        record("still", "a", "a", psnr=30.0),
        record("zebra", "NA", "NA", psnr=26.0),
        record("zebra", "a", "NA", mouth_correlation=0.25),
    ]


@pytest.fixture
def table(records):
    return metrics_table(records)


def mean_interval(values, clips):
    """The interval of the plain mean."""
    sums, statistic = summands(
        [record("x", clip, clip, psnr=v) for v, clip in zip(values, clips, strict=True)], BY_NAME["psnr"]
    )
    return interval(sums, clips, statistic)


def test_rows_stand_by_system_in_order_of_appearance(table):
    assert table["system"].tolist() == ["zebra"] * 3 + ["still"]
    assert table["pair"].tolist() == ["a--a", "NA--NA", "a--NA", "a--a"]
    of_pairs = [name for name, metric in BY_NAME.items() if metric.of == "pair"]
    assert list(table.columns) == ["system", "pair", "video", "audio", "kind", "frames", *of_pairs]
    assert "psnr" in of_pairs
    assert "fid" not in of_pairs


def test_summary_has_mean_spread_and_count_by_kind(records):
    summary = summary_table(records).set_index(["system", "kind", "metric"])
    psnr = summary.loc["zebra", "self", "psnr"]
    assert (psnr["mean"], psnr["count"], psnr["left_out"], psnr["frames"]) == (23, 2, 0, 100)
    assert (psnr["low"], psnr["high"]) == (20, 26)
    assert psnr["std"] == pytest.approx(math.sqrt(18))
    assert (psnr["unit"], psnr["direction"]) == ("dB", "higher")
    ssim = summary.loc["zebra", "self", "ssim"]
    assert (ssim["mean"], ssim["count"], ssim["left_out"]) == (0.5, 1, 1)
    assert ssim[["std", "low", "high"]].isna().all()
    crossed = summary.loc["zebra", "crossed", "psnr"]
    assert (crossed["count"], crossed["left_out"]) == (0, 1)
    assert math.isnan(crossed["mean"])
    assert ("still", "crossed", "psnr") not in summary.index


def test_tables_come_back_from_their_files_with_a_clip_named_na(records, table, tmp_path):
    table.to_csv(tmp_path / "metrics.csv", index=False)
    back = read_metrics(tmp_path / "metrics.csv")
    assert back["video"].tolist() == ["a", "NA", "a", "a"]
    assert back["psnr"].isna().tolist() == [False, False, True, False]
    summary = summary_table(records)
    summary.to_csv(tmp_path / "summary.csv", index=False)
    assert read_summary(tmp_path / "summary.csv")["mean"].isna().sum() == summary["mean"].isna().sum()


def test_metrics_of_sets_say_what_they_saw(records):
    summary = summary_table(records, [SetValue("zebra", "self", "fid", 12.5, clips=1, frames=50)])
    rows = summary[summary["metric"] == "fid"].set_index(["system", "kind"])
    fid = rows.loc["zebra", "self"]
    assert (fid["mean"], fid["count"], fid["frames"], fid["left_out"]) == (12.5, 1, 50, 1)
    assert fid[["std", "low", "high"]].isna().all()
    still = rows.loc["still", "self"]
    assert (still["count"], still["left_out"], still["reason"]) == (0, 1, "no fid of a")


def test_what_has_no_value_says_why(records):
    reason = NotComputed("needs two sets of at least 2, has 1 and 1")
    summary = summary_table(records, [SetValue("zebra", "self", "fid", reason, clips=1, frames=50)])
    reasons = summary.set_index(["system", "kind", "metric"])["reason"]
    assert reasons["zebra", "self", "psnr"] == reasons["zebra", "self", "ssim"] == ""  # one of two pairs has a value
    assert reasons["still", "self", "ssim"] == "no ssim of a"
    assert reasons["zebra", "self", "fid"] == "no fid of a"  # every pair's reason comes before the set's
    assert all((summary["reason"] == "") == (summary["count"] > 0))
    for number in (0, 2):
        del records[number]["left_out"]["fid"]
    summary = summary_table(records, [SetValue("zebra", "self", "fid", reason, clips=1, frames=50)])
    row = summary.set_index(["system", "kind", "metric"]).loc["zebra", "self", "fid"]
    assert row["reason"] == str(reason)
    assert (row["count"], row["left_out"]) == (0, 2)
    more = [record("zebra", clip, clip) for clip in "bbc"]  # what most say
    assert summary_table(more).set_index("metric").loc["niqe", "reason"] == "no niqe of b"


def test_papers_figures_stand_beside_ours_and_in_no_other_row(records):
    figures = [
        Figure("zebra", "self", "psnr", 28.18, "HDTF", "a; b"),
        Figure("zebra", "self", "psnr", 31.5, "CREMA", "c"),
        Figure("unknown", "self", "psnr", 1, "HDTF", "d"),
    ]
    summary = summary_table(records, figures=figures)
    told = summary[summary["paper"] != ""]
    assert told[["system", "kind", "metric"]].to_numpy().tolist() == [["zebra", "self", "psnr"]]
    assert told[["paper", "paper_data", "paper_note"]].to_numpy().tolist() == [
        ["28.18 | 31.5", "HDTF | CREMA", "a; b | c"]
    ]
    assert told["mean"].item() == 23  # not touched by them


def test_a_summary_comes_back_with_the_figures_of_papers(records, tmp_path):
    figures = [
        Figure("zebra", "self", "psnr", 28.18, "HDTF", "other clips"),
        Figure("still", "self", "ssim", 1, "x", "y"),
    ]
    summary = summary_table(records, figures=figures)
    summary.to_csv(tmp_path / "summary.csv", index=False)
    pd.testing.assert_frame_equal(read_summary(tmp_path / "summary.csv"), summary, check_dtype=False)


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    clips = [str(clip) for clip in range(40)]
    samples = rng.gamma(4.0, 2.0, (200, 40))  # skewed, of mean 8
    covered = np.mean([low <= 8 <= high for low, high in (mean_interval(values, clips) for values in samples)])
    assert 0.9 <= covered <= 0.98


def test_the_interval_is_over_clips_and_not_over_pairs():
    rng = np.random.default_rng(1)
    values = rng.normal(size=20)
    clips = [str(clip) for clip in range(20)]
    once = mean_interval(values, clips)
    assert mean_interval(values, clips) == once  # seeded
    again = mean_interval(np.tile(values, 5), clips * 5)
    assert again == pytest.approx(once)  # the same clips again tell nothing new
    alone = mean_interval(np.tile(values, 5), [str(pair) for pair in range(100)])
    assert alone[1] - alone[0] < 0.6 * (once[1] - once[0])


def test_blinks_a_second_are_those_of_all_over_the_seconds_in_which_eyes_were_seen():
    """4 blinks in 40 s and 10 in 10 s, whatever the frames without a face."""
    long = record("zebra", "a", "a", {"blinks": 40.0}, blinks=0.1, psnr=20.0) | {"counts": {"frames": 1000}}
    short = record("zebra", "b", "b", {"blinks": 10.0}, blinks=1.0, psnr=30.0) | {"counts": {"frames": 1000}}
    summary = summary_table([long, short]).set_index("metric")
    assert summary.loc["blinks", "mean"] == pytest.approx((4 + 10) / 50)
    assert summary.loc["psnr", "mean"] == pytest.approx(25)
    assert summary.loc["blinks", ["low", "high"]].tolist() == pytest.approx([0.1, 1.0])


def blinking(clips):
    """Records of clips whose blinks last so long."""
    return [
        record("zebra", clip, clip, {"blink_duration": durations}, blink_duration=float(np.median(durations)))
        for clip, durations in clips.items()
    ]


def test_the_summary_of_blink_durations_is_the_median_of_all_blinks():
    clips = {"a": [0.2, 0.2, 0.24, 0.28, 0.2], "b": [0.4], "c": [0.48, 0.44]}
    row = summary_table([*blinking(clips), record("zebra", "d", "d")]).set_index("metric").loc["blink_duration"]
    assert row["mean"] == pytest.approx((0.24 + 0.28) / 2)  # of 0.2 0.2 0.2 0.24 0.28 0.4 0.44 0.48
    assert row["mean"] != pytest.approx((0.2 + 0.4 + 0.46) / 3)
    assert row["std"] == pytest.approx(np.std([0.2, 0.4, 0.46], ddof=1))
    assert (row["count"], row["left_out"]) == (3, 1)
    odd = summary_table(blinking({"a": [0.2, 0.3, 0.4]})).set_index("metric").loc["blink_duration"]
    assert odd["mean"] == 0.3
    assert odd[["low", "high"]].isna().all()


def test_the_interval_of_a_median_is_that_of_clips_drawn_anew():
    rng = np.random.default_rng(3)
    clips = {str(clip): (rng.integers(5, 15, rng.integers(1, 9)) / 25).tolist() for clip in range(12)}
    row = summary_table(blinking(clips)).set_index("metric").loc["blink_duration"]
    drawn = [np.median(np.concatenate([clips[str(clip)] for clip in rng.integers(0, 12, 12)])) for _ in range(4000)]
    assert row[["low", "high"]].tolist() == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.021)
    assert row["low"] < row["mean"] < row["high"]


def test_one_clip_has_no_interval():
    assert np.isnan(mean_interval([1.0, 2.0], ["a", "a"])).all()
    assert mean_interval([2.0, 2.0], ["a", "b"]) == (2, 2)
