"""Published weights: fetched where the official address can be reached, else taken from weights/{system}, checked, converted."""


localrules:
    fetch_weights,
    fetch_metric_weights,


rule fetch_weights:
    output:
        weights="results/weights/{system}/{stage}.safetensors",
        record="results/weights/{system}/{stage}.json",
    log:
        "results/logs/fetch_weights/{system}/{stage}.log",
    benchmark:
        "results/benchmarks/fetch_weights/{system}/{stage}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=8000,
    params:
        system="{system}",
        stage="{stage}",
        folder="weights/{system}",
    script:
        "../workflow_scripts/fetch_weights.py"


# Weights that are not to be had are no failure: the record says why, and the metric is left out. One job for all networks,
# since mostly there is nothing to do. Where a server could not be reached, a later run asks again once it answers.
rule fetch_metric_weights:
    input:
        placed=placed_by_hand,
    output:
        records=METRIC_WEIGHTS,
    log:
        "results/logs/fetch_metric_weights.log",
    benchmark:
        "results/benchmarks/fetch_metric_weights.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        folder="weights/perception",
        download=config["metrics"]["download"],
        asked_again=lambda wildcards: asking(METRIC_WEIGHTS) if config["metrics"]["download"] else 0,
    script:
        "../workflow_scripts/fetch_metric_weights.py"
