import math

import numpy as np
import pandas as pd
import pytest

from metrics.papers import Figure
from metrics.registry import BY_NAME
from metrics.sets import SetValue
from metrics.tables import interval, metrics_table, read_metrics, read_summary, summary_table


def record(system, video, audio, **values):
    names = {"system": system, "pair": f"{video}--{audio}", "video": video, "audio": audio}
    kind = "self" if video == audio else "crossed"
    return {**names, "kind": kind, "counts": {"frames": 50}, "metrics": values}


@pytest.fixture
def table():
    return metrics_table(
        [
            record("zebra", "a", "a", psnr=20.0, ssim=0.5),
            record("still", "a", "a", psnr=30.0),
            record("zebra", "NA", "NA", psnr=26.0),
            record("zebra", "a", "NA", mouth_correlation=0.25),
        ]
    )


def test_rows_stand_by_system_in_order_of_appearance(table):
    assert table["system"].tolist() == ["zebra"] * 3 + ["still"]
    assert table["pair"].tolist() == ["a--a", "NA--NA", "a--NA", "a--a"]
    of_pairs = [name for name, metric in BY_NAME.items() if metric.of == "pair"]
    assert list(table.columns) == ["system", "pair", "video", "audio", "kind", "frames", *of_pairs]
    assert "psnr" in of_pairs
    assert "fid" not in of_pairs


def test_summary_has_mean_spread_and_count_by_kind(table):
    summary = summary_table(table).set_index(["system", "kind", "metric"])
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


def test_tables_come_back_from_their_files_with_a_clip_named_na(table, tmp_path):
    table.to_csv(tmp_path / "metrics.csv", index=False)
    back = read_metrics(tmp_path / "metrics.csv")
    assert back["video"].tolist() == ["a", "NA", "a", "a"]
    assert back["psnr"].isna().tolist() == [False, False, True, False]
    summary = summary_table(table)
    summary.to_csv(tmp_path / "summary.csv", index=False)
    assert read_summary(tmp_path / "summary.csv")["mean"].isna().sum() == summary["mean"].isna().sum()


def test_metrics_of_sets_say_what_they_saw(table):
    summary = summary_table(table, [SetValue("zebra", "self", "fid", 12.5, clips=1, frames=50)])
    rows = summary[summary["metric"] == "fid"].set_index(["system", "kind"])
    fid = rows.loc["zebra", "self"]
    assert (fid["mean"], fid["count"], fid["frames"], fid["left_out"]) == (12.5, 1, 50, 1)
    assert fid[["std", "low", "high"]].isna().all()
    assert (
        rows.loc[
            "still",
            "self",
        ]["count"],
        rows.loc["still", "self"]["left_out"],
    ) == (0, 1)


def test_papers_figures_stand_beside_ours_and_in_no_other_row(table):
    figures = [
        Figure("zebra", "self", "psnr", 28.18, "HDTF", "a; b"),
        Figure("zebra", "self", "psnr", 31.5, "CREMA", "c"),
        Figure("unknown", "self", "psnr", 1, "HDTF", "d"),
    ]
    summary = summary_table(table, figures=figures)
    told = summary[summary["paper"] != ""]
    assert told[["system", "kind", "metric"]].to_numpy().tolist() == [["zebra", "self", "psnr"]]
    assert told[["paper", "paper_data", "paper_note"]].to_numpy().tolist() == [
        ["28.18 | 31.5", "HDTF | CREMA", "a; b | c"]
    ]
    assert told["mean"].item() == 23  # not touched by them


def test_a_summary_comes_back_with_the_figures_of_papers(table, tmp_path):
    figures = [
        Figure("zebra", "self", "psnr", 28.18, "HDTF", "other clips"),
        Figure("still", "self", "ssim", 1, "x", "y"),
    ]
    summary = summary_table(table, figures=figures)
    summary.to_csv(tmp_path / "summary.csv", index=False)
    pd.testing.assert_frame_equal(read_summary(tmp_path / "summary.csv"), summary, check_dtype=False)


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    clips = [str(clip) for clip in range(40)]
    samples = rng.gamma(4.0, 2.0, (200, 40))  # skewed, of mean 8
    covered = np.mean([low <= 8 <= high for low, high in (interval(values, clips) for values in samples)])
    assert 0.9 <= covered <= 0.98


def test_the_interval_is_over_clips_and_not_over_pairs():
    rng = np.random.default_rng(1)
    values = rng.normal(size=20)
    clips = [str(clip) for clip in range(20)]
    once = interval(values, clips)
    assert interval(values, clips) == once  # seeded
    assert interval(np.tile(values, 5), clips * 5) == pytest.approx(once)  # the same clips again tell nothing new
    alone = interval(np.tile(values, 5), [str(pair) for pair in range(100)])
    assert alone[1] - alone[0] < 0.6 * (once[1] - once[0])


def test_blinks_a_second_are_those_of_all_over_the_seconds_of_all():
    long = record("zebra", "a", "a", blinks=0.1, psnr=20.0) | {"counts": {"frames": 1000}}
    short = record("zebra", "b", "b", blinks=1.0, psnr=30.0) | {"counts": {"frames": 250}}
    summary = summary_table(metrics_table([long, short])).set_index("metric")
    assert summary.loc["blinks", "mean"] == pytest.approx((4 + 10) / 50)
    assert summary.loc["psnr", "mean"] == pytest.approx(25)
    assert summary.loc["blinks", ["low", "high"]].tolist() == pytest.approx([0.1, 1.0])


def test_one_clip_has_no_interval():
    assert np.isnan(interval([1.0, 2.0], ["a", "a"])).all()
    assert np.isnan(interval([], [])).all()
    assert interval([2.0, 2.0], ["a", "b"]) == (2, 2)
