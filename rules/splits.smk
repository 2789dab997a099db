"""Who trains and who is tested. A checkpoint: only now is it known which clips are usable."""


checkpoint split_clips:
    input:
        verdicts=expand("results/inspected/{clip}.json", clip=CLIPS),
        speech=planning.supplied_speech_checks(config),
    output:
        train="results/splits/train.txt",
        test="results/splits/test.txt",
        pairs="results/splits/pairs.tsv",
    log:
        "results/logs/split_clips.log",
    benchmark:
        "results/benchmarks/split_clips.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        clips=[{"clip": row.clip, "speaker": row.speaker, "split": row.split} for row in CLIPS.values()],
        test_share=config["splits"]["test_share"],
        crossed=config["splits"]["crossed"],
        seed=config["seed"],
    script:
        "../workflow_scripts/split_clips.py"
