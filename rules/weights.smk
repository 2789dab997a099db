"""Published weights: fetched where the official address can be reached, else taken from weights/{system}, checked, converted."""


localrules:
    fetch_weights,


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
