"""Clips as the published code of DiffTalk and its forks read them."""


rule export_difftalk_clip:
    input:
        view="results/crops/{clip}.mp4",
        transform="results/crops/{clip}.npz",
        speech=f"results/features/{config.get('difftalk', {'speech': 'deepspeech'})['speech']}/{{clip}}.npy",
        audio="results/audio/{clip}.wav",
    output:
        folder=directory("results/export/difftalk_clips/{clip}"),
    log:
        "results/logs/export_difftalk_clip/{clip}.log",
    benchmark:
        "results/benchmarks/export_difftalk_clip/{clip}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    script:
        "../workflow_scripts/export_difftalk_clip.py"


rule export_difftalk:
    input:
        # those to train with first; a clip may be on both sides
        clips=lambda wildcards: expand(
            "results/export/difftalk_clips/{clip}",
            clip=list(dict.fromkeys([*read_split("train"), *read_split("test")])),
        ),
        train="results/splits/train.txt",
        test="results/splits/test.txt",
    output:
        folder=directory("results/export/difftalk"),
    log:
        "results/logs/export_difftalk.log",
    benchmark:
        "results/benchmarks/export_difftalk.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../workflow_scripts/export_difftalk.py"
