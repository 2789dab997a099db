"""Speech features, by the entries of `speech:` in the configuration."""


# Before who trains and who is tested is decided, so that a bad file of the user's stops no other clip.
rule check_supplied_speech:
    input:
        verdicts=expand("results/inspected/{clip}.json", clip=CLIPS),
        supplied=lambda wildcards: [
            path for clip in CLIPS for path in planning.speech_source(config, wildcards.entry, clip)
        ],
    output:
        wrong="results/inspected/speech/{entry}.json",
    log:
        "results/logs/check_supplied_speech/{entry}.log",
    benchmark:
        "results/benchmarks/check_supplied_speech/{entry}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        folder=lambda wildcards: config["speech"][wildcards.entry]["folder"],
        rate=lambda wildcards: config["speech"][wildcards.entry]["rate"],
        spans={row.clip: (row.start, row.end) for row in CLIPS.values()},
    script:
        "../workflow_scripts/check_supplied_speech.py"


rule extract_features:
    input:
        audio="results/audio/{clip}.wav",
        source=lambda wildcards: planning.speech_source(config, wildcards.entry, wildcards.clip),
    output:
        features="results/features/{entry}/{clip}.npy",
        info="results/features/{entry}/{clip}.json",
    log:
        "results/logs/extract_features/{entry}/{clip}.log",
    benchmark:
        "results/benchmarks/extract_features/{entry}/{clip}.tsv"
    conda:
        "../envs/speech.yaml"
    threads: lambda wildcards: NETWORK_THREADS if planning.speech_kind(config, wildcards.entry).is_network else 1
    resources:
        mem_mb=lambda wildcards: 6000 if planning.speech_kind(config, wildcards.entry).is_network else 1000,
        gpu=lambda wildcards: int(planning.speech_kind(config, wildcards.entry).is_network),
    params:
        entry=lambda wildcards: config["speech"][wildcards.entry],
    script:
        "../workflow_scripts/extract_features.py"
