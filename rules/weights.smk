"""Published weights: fetched where the official address can be reached, else taken from weights/{system}, checked, converted."""


localrules:
    fetch_weights,
    fetch_network,
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
        reading=lambda wildcards: config.get(wildcards.system, {}).get("reading", {}),
    script:
        "../workflow_scripts/fetch_weights.py"


# Other people's networks that a system generates with: without them there is no sample, so this job may fail.
rule fetch_network:
    output:
        weights="results/weights/networks/{network}.safetensors",
        record="results/weights/networks/{network}.json",
    log:
        "results/logs/fetch_network/{network}.log",
    benchmark:
        "results/benchmarks/fetch_network/{network}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        network="{network}",
        folder="weights/networks",
        download=config["metrics"]["download"],
    script:
        "../workflow_scripts/fetch_network.py"


# A metric network that cannot be had does not stop the run: its record gives the reason, and its metrics are left out. One
# job for all, since mostly there is nothing to do. The next run tries a server again that could not be reached.
rule fetch_metric_weights:
    input:
        placed=lambda wildcards: planning.placed_files("weights/perception"),
    output:
        records=METRIC_WEIGHTS,
        weights=[record.replace(".json", ".safetensors") for record in METRIC_WEIGHTS],
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
        retries=lambda wildcards: retry_token(METRIC_WEIGHTS) if config["metrics"]["download"] else 0,
    script:
        "../workflow_scripts/fetch_metric_weights.py"
