"""The report: the table to look at, with plots, players in step, and what was left out and why, in one HTML file; and the
plots as files of their own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from metrics.records import score_files
from metrics.report.page import render
from metrics.tables import read_metrics, read_summary
from models.provenance import caution, read_records
from toolkit.files import read_json, write_text
from toolkit.log import job_log


def build_report(
    metrics_csv: str,
    summary_csv: str,
    scores: Sequence[str | Path],
    verdicts: Sequence[str],
    report: str,
    plots: str,
    *,
    videos: Sequence[dict],
    speech: Sequence[str] = (),
    sounds: Sequence[str] = (),
    weights: Sequence[str] = (),
    presets: Mapping[str, tuple[str, str]] | None = None,
    encoders: Mapping[str, str] | None = None,
    benchmarks: str | None = None,
    baselines: Sequence[str] = (),
    max_players: int = 6,
) -> None:
    """Write `report` from both tables, the scores that they were made of and the verdicts on all inspected clips, and
    `{metric}_{kind}.svg` into the folder `plots`.

    `videos` ({"pair", "system", "path"}) are shown side by side by pair, in their order, for at most `max_players`
    pairs; `sounds` are the clips' speech ({clip}.wav); `weights` the records beside the systems' weights; `presets` for each
    system that has weights its preset and where they are from, as configured; `encoders` the models that encode speech, by
    name; `benchmarks` is the folder of Snakemake's benchmark files; `baselines` are the
    systems that the others are held against.
    """
    records = read_records(weights)
    presets = presets or {}
    of_systems = {name: [record for record in records if record.get("system") == name] for name in presets}
    page = render(
        read_metrics(metrics_csv),
        read_summary(summary_csv),
        [read_json(path) for path in scores],
        videos,
        _verdicts(verdicts, speech),
        sounds={Path(path).stem: Path(path) for path in sounds},
        weights=records,
        presets=presets,
        cautions=[words for name, of_system in of_systems.items() if (words := caution(name, of_system))],
        encoders=encoders,
        benchmarks=Path(benchmarks) if benchmarks else None,
        baselines=baselines,
        max_players=max_players,
    )
    write_text(report, page.html)
    for name, plot in page.plots:
        write_text(Path(plots) / f"{name}.svg", plot)


def _verdicts(paths: Sequence[str], speech: Sequence[str]) -> list[dict]:
    """The verdicts on all clips; one whose own speech features are of no use cannot be used either."""
    wrong = {clip: error | {"usable": False} for path in speech for clip, error in read_json(path).items()}
    return [verdict | wrong.get(verdict["clip"], {}) for verdict in map(read_json, paths)]


def report_videos(sources: Sequence[str], videos: Sequence[str]) -> list[dict]:
    """What stands side by side in the report: for each pair its source, then every system's video."""
    sampled = [{"pair": Path(path).stem, "system": Path(path).parent.name, "path": path} for path in videos]
    pairs = dict.fromkeys(video["pair"] for video in sampled)
    return [
        {"pair": pair, "system": "source", "path": path} for pair, path in zip(pairs, sources, strict=True)
    ] + sampled


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        build_report(
            snakemake.input.metrics,
            snakemake.input.summary,
            score_files(snakemake.input.scores, snakemake.input.pairs),
            snakemake.input.verdicts,
            snakemake.output.report,
            snakemake.output.plots,
            videos=report_videos(snakemake.input.sources, snakemake.input.videos),
            speech=snakemake.input.speech,
            sounds=snakemake.input.sounds,
            weights=snakemake.input.weights,
            **snakemake.params,
        )
