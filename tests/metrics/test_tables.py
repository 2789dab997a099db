import math

import pytest

from metrics.registry import BY_NAME
from metrics.tables import metrics_table, read_metrics, read_summary, summary_table


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
    assert list(table.columns) == ["system", "pair", "video", "audio", "kind", "frames", *BY_NAME]


def test_summary_has_mean_spread_and_count_by_kind(table):
    summary = summary_table(table).set_index(["system", "kind", "metric"])
    psnr = summary.loc["zebra", "self", "psnr"]
    assert (psnr["mean"], psnr["count"], psnr["left_out"]) == (23, 2, 0)
    assert psnr["std"] == pytest.approx(math.sqrt(18))
    assert (psnr["unit"], psnr["direction"]) == ("dB", "higher")
    ssim = summary.loc["zebra", "self", "ssim"]
    assert (ssim["mean"], ssim["count"], ssim["left_out"]) == (0.5, 1, 1)
    assert math.isnan(ssim["std"])
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
