"""What the speech sounds like, 50 times a second."""


rule extract_features:
    input:
        audio="results/audio/{clip}.wav",
    output:
        features="results/features/{encoder}/{clip}.npy",
        info="results/features/{encoder}/{clip}.json",
    log:
        "results/logs/extract_features/{encoder}/{clip}.log",
    benchmark:
        "results/benchmarks/extract_features/{encoder}/{clip}.tsv"
    conda:
        "../envs/speech.yaml"
    threads: lambda wildcards: 1 if wildcards.encoder in ("mel", "mfcc") else NETWORK_THREADS
    resources:
        mem_mb=lambda wildcards: 1000 if wildcards.encoder in ("mel", "mfcc") else 6000,
        gpu=lambda wildcards: int(wildcards.encoder not in ("mel", "mfcc")),
    params:
        encoder="{encoder}",
        model=lambda wildcards: config["speech"].get(wildcards.encoder, {}).get("model"),
        layer=lambda wildcards: config["speech"].get(wildcards.encoder, {}).get("layer"),
        download=config["speech"]["download"],
        window=config["speech"]["window"],
        dtype=config["speech"]["dtype"],
    script:
        "../workflow_scripts/extract_features.py"
