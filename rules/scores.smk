"""Each pair's scores, and the table of them all."""


rule score_pair:
    input:
        sample=lambda wildcards: planning.sample_video(**wildcards),
        view=view_file("mp4"),
        transform=view_file("npz"),
        crop_transform="results/crops/{video}.npz",
        sound="results/audio/{audio}.wav",
        speech_opening=lambda wildcards: SOURCES.mouth_opening_file(wildcards.audio),
        video_opening=lambda wildcards: SOURCES.mouth_opening_file(wildcards.video),
        transcripts=transcript_files,
        weights=METRIC_WEIGHTS,
    output:
        scores="results/scores/{system}/{video}--{audio}.json",
        features="results/scores/{system}/{video}--{audio}.npz",
    log:
        "results/logs/score_pair/{system}/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/score_pair/{system}/{video}--{audio}.tsv"
    conda:
        "../envs/metrics.yaml"
    threads: NETWORK_THREADS if SCORING_GPUS else 1
    resources:
        mem_mb=4000,
        gpu=SCORING_GPUS,
    params:
        system="{system}",
        video="{video}",
        audio="{audio}",
        detector=config["faces"]["detector"],
        fvd_window=config["metrics"]["fvd_window"],
    script:
        "../workflow_scripts/score_pair.py"


rule collect_scores:
    input:
        scores=score_files,
        features=lambda wildcards: [path.removesuffix("json") + "npz" for path in score_files(wildcards)],
        papers=planning.paper_files(config),
    output:
        metrics=report("results/metrics.csv", caption="../docs/report/metrics.rst", category="Tables"),
        summary=report("results/summary.csv", caption="../docs/report/summary.rst", category="Tables"),
    log:
        "results/logs/collect_scores.log",
    benchmark:
        "results/benchmarks/collect_scores.tsv"
    conda:
        "../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    script:
        "../workflow_scripts/collect_scores.py"
