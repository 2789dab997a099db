"""From the user's files to clips at 25 frames and 16,000 samples a second."""


rule inspect_clip:
    input:
        video=row_value("video"),
        sound=lambda wildcards: SOURCES[wildcards.clip].audio or [],
    output:
        verdict="results/inspected/{clip}.json",
    log:
        "results/logs/inspect_clip/{clip}.log",
    benchmark:
        "results/benchmarks/inspect_clip/{clip}.tsv"
    conda:
        "../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        clip="{clip}",
        start=row_value("start"),
        end=row_value("end"),
        crop=row_value("crop"),
        needs=lambda wildcards: SOURCES.required_tracks(wildcards.clip),
        max_missing=config["inspection"]["max_missing"],
    script:
        "../workflow_scripts/inspect_clip.py"


rule resample_clip:
    input:
        verdict="results/inspected/{clip}.json",
        video=row_value("video"),
    output:
        video="results/clips/{clip}.mp4",
        info="results/clips/{clip}.json",
    log:
        "results/logs/resample_clip/{clip}.log",
    benchmark:
        "results/benchmarks/resample_clip/{clip}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        start=row_value("start"),
        end=row_value("end"),
        crop=row_value("crop"),
    script:
        "../workflow_scripts/resample_clip.py"


rule extract_audio:
    input:
        verdict="results/inspected/{clip}.json",
        source=lambda wildcards: SOURCES[wildcards.clip].audio or SOURCES[wildcards.clip].video,
        info=lambda wildcards: [] if wildcards.clip in SOURCES.speech else f"results/clips/{wildcards.clip}.json",
    output:
        audio="results/audio/{clip}.wav",
    log:
        "results/logs/extract_audio/{clip}.log",
    benchmark:
        "results/benchmarks/extract_audio/{clip}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        start=row_value("start"),
        end=row_value("end"),
    script:
        "../workflow_scripts/extract_audio.py"


rule extract_frames:
    input:
        video="results/clips/{clip}.mp4",
    output:
        frames=directory("results/frames/{clip}"),
    log:
        "results/logs/extract_frames/{clip}.log",
    benchmark:
        "results/benchmarks/extract_frames/{clip}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    script:
        "../workflow_scripts/extract_frames.py"
