"""Each pair's scores, several pairs a job, and the table of them all."""


rule score_pairs:
    input:
        samples=scored_files(planning.sample_video),
        views=scored_files(lambda system, video, audio: f"results/{planning.view(system)}/{video}.mp4"),
        transforms=scored_files(lambda system, video, audio: f"results/{planning.view(system)}/{video}.npz"),
        crop_transforms=scored_files(lambda system, video, audio: f"results/crops/{video}.npz"),
        sounds=scored_files(lambda system, video, audio: f"results/audio/{audio}.wav"),
        speech_openings=scored_files(lambda system, video, audio: SOURCES.mouth_opening_file(audio)),
        video_openings=scored_files(lambda system, video, audio: SOURCES.mouth_opening_file(video)),
        transcripts=scored_transcripts,
        weights=METRIC_WEIGHTS,
    output:
        scores=directory("results/scores/{system}/{batch}"),
    log:
        "results/logs/score_pairs/{system}/{batch}.log",
    benchmark:
        "results/benchmarks/score_pairs/{system}/{batch}.tsv"
    conda:
        "../envs/metrics.yaml"
    threads: NETWORK_THREADS if SCORING_GPUS else 1
    resources:
        mem_mb=4000,
        gpu=SCORING_GPUS,
    params:
        system="{system}",
        pairs=lambda wildcards: score_batches(wildcards.system).names_of(wildcards.batch),
        detector=config["faces"]["detector"],
        fvd_window=config["metrics"]["fvd_window"],
    script:
        "../workflow_scripts/score_pairs.py"


rule collect_scores:
    input:
        scores=score_folders,
        pairs="results/splits/pairs.tsv",
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
