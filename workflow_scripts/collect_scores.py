"""One table of all scores: a row per system and pair, and their mean and spread per system, kind of pair and metric."""

from collections.abc import Sequence

from metrics.tables import metrics_table, summary_table
from toolkit.files import read_json, whole
from toolkit.log import job_log


def collect_scores(scores: Sequence[str], metrics_csv: str, summary_csv: str) -> None:
    """Write both tables from score files, whose order is the order of the rows."""
    table = metrics_table(read_json(path) for path in scores)
    for path, rows in ((metrics_csv, table), (summary_csv, summary_table(table))):
        with whole(path) as partial:
            rows.to_csv(partial, index=False, float_format="%.6g")


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        collect_scores(snakemake.input.scores, snakemake.output.metrics, snakemake.output.summary)
