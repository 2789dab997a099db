"""The baseline that holds one frame."""


rule sample_still:
    input:
        view="results/crops/{video}.mp4",
        transform="results/crops/{video}.npz",
        audio="results/audio/{audio}.wav",
    output:
        sample="results/samples/still/{video}--{audio}.mp4",
    log:
        "results/logs/sample_still/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/sample_still/{video}--{audio}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        system="still",
        options=get_system("still").picture_options(config["still"]["sampling"]),
        seed=config["seed"],
    script:
        "../workflow_scripts/sample.py"
