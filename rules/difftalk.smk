"""DiffTalk: train the first stage, encode every frame into its latents, train the network on these, sample repainted faces."""


rule train_difftalk_first_stage:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        initial=planning.optional_file(config["difftalk"]["training"]["first_stage"].get("initial")),
        weights=planning.helper_weights(config, "difftalk", "first_stage"),
    output:
        weights="results/models/difftalk/first_stage.safetensors",
        record="results/models/difftalk/first_stage.json",
    log:
        "results/logs/train_difftalk_first_stage.log",
    benchmark:
        "results/benchmarks/train_difftalk_first_stage.tsv"
    conda:
        "../envs/learning.yaml"
    threads: TRAINING_THREADS
    resources:
        mem_mb=16000,
        gpu=config["training"]["gpus"],
        runtime=2880,
    params:
        checkpoints="results/checkpoints/difftalk/first_stage",
        system="difftalk",
        stage="first_stage",
        preset=config["difftalk"]["preset"],
        options=config["difftalk"]["training"]["first_stage"],
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


rule encode_difftalk_latents:
    input:
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        weights=[planning.stage_weights(config, "difftalk", "first_stage")],
    output:
        latents=directory("results/latents/difftalk"),
    log:
        "results/logs/encode_difftalk_latents.log",
    benchmark:
        "results/benchmarks/encode_difftalk_latents.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=16000,
        gpu=1,
    params:
        system="difftalk",
        preset=config["difftalk"]["preset"],
    script:
        "../workflow_scripts/encode_latents.py"


rule train_difftalk:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        speech=training_files(f"results/features/{config['difftalk']['speech']}/{{clip}}.npy"),
        latents="results/latents/difftalk",
        weights=[planning.stage_weights(config, "difftalk", "first_stage")],
        initial=planning.optional_file(config["difftalk"]["training"]["unet"].get("initial")),
    output:
        weights="results/models/difftalk/unet.safetensors",
        record="results/models/difftalk/unet.json",
    log:
        "results/logs/train_difftalk.log",
    benchmark:
        "results/benchmarks/train_difftalk.tsv"
    conda:
        "../envs/learning.yaml"
    threads: TRAINING_THREADS
    resources:
        mem_mb=16000,
        gpu=config["training"]["gpus"],
        runtime=2880,
    params:
        checkpoints="results/checkpoints/difftalk/unet",
        system="difftalk",
        stage="unet",
        preset=config["difftalk"]["preset"],
        options=config["difftalk"]["training"]["unet"],
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


rule sample_difftalk:
    input:
        view="results/crops/{video}.mp4",
        transform="results/crops/{video}.npz",
        audio="results/audio/{audio}.wav",
        speech=f"results/features/{config['difftalk']['speech']}/{{audio}}.npy",
        weights=planning.system_weights(config, "difftalk"),
    output:
        sample="results/samples/difftalk/{video}--{audio}.mp4",
    log:
        "results/logs/sample_difftalk/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/sample_difftalk/{video}--{audio}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=8000,
        gpu=1,
    params:
        system="difftalk",
        preset=config["difftalk"]["preset"],
        options=get_system("difftalk").picture_options(config["difftalk"]["sampling"]),
        seed=config["seed"],
    script:
        "../workflow_scripts/sample.py"


rule export_difftalk_clip:
    input:
        view="results/crops/{clip}.mp4",
        transform="results/crops/{clip}.npz",
        speech=f"results/features/{config['difftalk']['speech']}/{{clip}}.npy",
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
