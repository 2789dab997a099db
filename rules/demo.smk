"""The built-in demo: synthetic talkers, rendered from a photograph and small recordings."""


rule render_talker:
    input:
        speech=lambda wildcards: HOME / f"demo/speech/{demo_talker(wildcards)['speech']}.flac",
        track=lambda wildcards: HOME / f"demo/speech/{demo_talker(wildcards)['speech']}.json",
    output:
        video="results/demo/{clip}.mp4",
        truth="results/demo/{clip}.json",
    log:
        "results/logs/render_talker/{clip}.log",
    benchmark:
        "results/benchmarks/render_talker/{clip}.tsv"
    conda:
        "../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        clip="{clip}",
        look=lambda wildcards: demo_talker(wildcards)["look"],
        seed=lambda wildcards: int(demo_talker(wildcards)["seed"]),
    script:
        "../workflow_scripts/render_talker.py"
