"""The built-in demo: synthetic talkers, rendered from a photograph and small recordings."""


rule render_talker:
    input:
        talkers=HOME / "demo/talkers.tsv",
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
    script:
        "../workflow_scripts/render_talker.py"
