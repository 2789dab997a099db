"""The metrics on what published systems really made: two HDTF clips as five of them rendered them, beside the truth.

    OMP_NUM_THREADS=1 python -m benchmarks.published_outputs ../shared/data > published_outputs.md    # about five minutes

Prints a Markdown table of means over both clips. DiffDub's paper takes PSNR and SSIM over the lower face alone, which is
here the lower half of the 256-pixel crop. Columns whose networks' weights are not given (`--weights`) are named below it.
"""

import argparse
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pandas as pd

from metrics.__main__ import score_folders
from metrics.papers import GROUND_TRUTH
from metrics.psnr import psnr
from metrics.registry import METRICS
from metrics.ssim import ssim
from metrics.tables import metrics_table
from toolkit.media.frames import read_frames

LOWER = {"psnr_lower": ("PSNR, lower half ↑", psnr), "ssim_lower": ("SSIM, lower half ↑", ssim)}


def lower_halves(real: Path, made: Path) -> dict[str, float]:
    """PSNR and SSIM of the lower halves of the frames, mean over frames; equal frames left out of PSNR."""
    pairs = zip(read_frames(real), read_frames(made), strict=False)  # over the shorter one's length
    values = [
        [measure(*(frame[len(frame) // 2 :] for frame in pair)) for _, measure in LOWER.values()] for pair in pairs
    ]
    finite = np.ma.masked_invalid(np.array(values)).mean(axis=0)
    return dict(zip(LOWER, finite.filled(np.nan), strict=True))


def markdown(table: pd.DataFrame) -> str:
    """Systems by metrics, the best of those with a direction in bold."""
    means = table.drop(columns=["pair", "video", "audio", "kind", "frames"]).groupby("system", sort=False).mean()
    means = means.dropna(axis=1, how="all")
    titles = {metric.name: f"{metric.title} {metric.arrow}" for metric in METRICS}
    titles |= {name: title for name, (title, _) in LOWER.items()}
    lines = [f"| | {' | '.join(means.index)} |", "|---" * (len(means) + 1) + "|"]
    for name, values in means.T.iterrows():
        rivals = values.drop(GROUND_TRUTH)
        best = {"↑": rivals.max(), "↓": rivals.min()}.get(titles[name][-1])
        cells = ["" if np.isnan(value) else f"**{value:.3g}**" if value == best else f"{value:.3g}" for value in values]
        lines.append(f"| {titles[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of real clips")
    parser.add_argument("--weights", type=Path, help="folder of converted weights of the networks that measure")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    cv2.setNumThreads(1)
    folder = arguments.data / "published_outputs"
    with TemporaryDirectory() as work:
        records = score_folders(folder / GROUND_TRUTH, folder, Path(work, "scores.csv"), weights=arguments.weights)
    table = metrics_table(records)
    for row in table.itertuples():
        name = f"{row.video}.mp4"
        for column, value in lower_halves(folder / GROUND_TRUTH / name, folder / row.system / name).items():
            table.loc[row.Index, column] = value
    print(markdown(table))
    reasons = {
        reason for record in records for reason in record["left_out"].values() if reason.startswith("no weights")
    }
    print(f"\nNot computed: {'; '.join(sorted(reasons))}.")
    frames = {f"{record['system']} {record['video']}": record["counts"] for record in records}
    print("\n" + "\n".join(f"- {name}: {counts}" for name, counts in frames.items()))


if __name__ == "__main__":
    main()
