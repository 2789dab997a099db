"""The deliverables: faces pasted back into the full frame, with sound, exact in length, marked as synthetic."""


rule mux_video:
    input:
        clip="results/clips/{video}.mp4",
        transform=view_file("npz"),
        sample="results/samples/{system}/{video}--{audio}.mp4",
        masks=lambda wildcards: planning.sample_masks(**wildcards),
        audio="results/audio/{audio}.wav",
    output:
        video="results/videos/{system}/{video}--{audio}.mp4",
    log:
        "results/logs/mux_video/{system}/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/mux_video/{system}/{video}--{audio}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        system="{system}",
        preset=lambda wildcards: config[wildcards.system].get("preset"),
        options=lambda wildcards: get_system(wildcards.system).mux_options(config[wildcards.system]["sampling"]),
        when_speech_ends=config["videos"]["when_speech_ends"],
    script:
        "../workflow_scripts/mux_video.py"


use rule mux_video as dub_video with:
    output:
        video="results/dub/{system}/{video}--{audio}.mp4",
    log:
        "results/logs/dub_video/{system}/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/dub_video/{system}/{video}--{audio}.tsv"
