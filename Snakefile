"""Talkflow: talking-face videos from raw file to trained models, generated videos and one honest table."""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


report: "docs/report/workflow.rst"


include: "rules/common.smk"
include: "rules/demo.smk"
include: "rules/ingest.smk"
include: "rules/faces.smk"
include: "rules/speech.smk"
include: "rules/splits.smk"
include: "rules/face3d.smk"
include: "rules/weights.smk"
include: "rules/videos.smk"
include: "rules/scores.smk"
include: "rules/report.smk"


for name in config["systems"]:

    include: f"rules/{name}.smk"


rule all:
    default_target: True
    input:
        prepared_files,
        "results/metrics.csv",
        "results/summary.csv",
        "results/report.html",
        dubbed_videos,


rule prepare:
    input:
        prepared_files,


rule train:
    input:
        trained_weights,


rule sample:
    input:
        deliverables,


rule score:
    input:
        score_folders,
