"""One table of all scores: a row per system and pair, and the summary per system, kind of pair and metric, beside what
the papers report.
"""

from collections.abc import Sequence
from pathlib import Path

from metrics.papers import read_figures
from metrics.records import score_files
from metrics.sets import set_values
from metrics.tables import metrics_table, summary_table
from toolkit.files import atomic_path, read_json
from toolkit.log import job_log


def collect_scores(
    scores: Sequence[str | Path],
    metrics_csv: str,
    summary_csv: str,
    *,
    features: Sequence[str | Path] = (),
    papers: Sequence[str] = (),
) -> None:
    """Write both tables from score files, whose order is the order of the rows.

    `features` are the files of what metrics of sets need, in the same order; `papers` those of published figures.
    """
    records = [read_json(path) for path in scores]
    sets = set_values(zip(records, features, strict=bool(features)))
    summary = summary_table(records, sets, read_figures(papers))
    for path, rows in ((metrics_csv, metrics_table(records)), (summary_csv, summary)):
        with atomic_path(path) as partial:
            rows.to_csv(partial, index=False, float_format="%.6g")


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        scores = score_files(snakemake.input.scores, snakemake.input.pairs)
        collect_scores(
            scores,
            snakemake.output.metrics,
            snakemake.output.summary,
            features=[path.with_suffix(".npz") for path in scores],
            papers=snakemake.input.papers,
        )
