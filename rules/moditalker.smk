"""MoDiTalker: train what makes motion of speech and what makes pictures of motion, sample the one, align it, sample the other."""

MODITALKER = config["moditalker"]
# What MToV's network is trained on and sampled between: the auto-encoders as their last stage leaves them.
AUTOENCODERS = [
    planning.stage_weights(config, "moditalker", stage) for stage in ("rgb_autoencoder_gan", "motion_autoencoder")
]


rule train_moditalker_atom:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        face3d=training_files("results/face3d/{clip}.npz"),
        speech=training_files(f"results/features/{MODITALKER['speech']}/{{clip}}.npy"),
        initial=planning.optional_file(MODITALKER["training"]["atom"].get("initial")),
    output:
        weights="results/models/moditalker/atom.safetensors",
        record="results/models/moditalker/atom.json",
    log:
        "results/logs/train_moditalker_atom.log",
    benchmark:
        "results/benchmarks/train_moditalker_atom.tsv"
    conda:
        "../envs/learning.yaml"
    threads: TRAINING_THREADS
    resources:
        mem_mb=16000,
        gpu=config["training"]["gpus"],
        runtime=2880,
    params:
        checkpoints="results/checkpoints/moditalker/atom",
        system="moditalker",
        stage="atom",
        preset=MODITALKER["preset"],
        options=MODITALKER["training"]["atom"],
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


use rule train_moditalker_atom as train_moditalker_rgb_autoencoder with:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        initial=planning.optional_file(MODITALKER["training"]["rgb_autoencoder"].get("initial")),
        weights=planning.helper_weights(config, "moditalker", "rgb_autoencoder"),
    output:
        weights="results/models/moditalker/rgb_autoencoder.safetensors",
        record="results/models/moditalker/rgb_autoencoder.json",
    log:
        "results/logs/train_moditalker_rgb_autoencoder.log",
    benchmark:
        "results/benchmarks/train_moditalker_rgb_autoencoder.tsv"
    params:
        checkpoints="results/checkpoints/moditalker/rgb_autoencoder",
        system="moditalker",
        stage="rgb_autoencoder",
        preset=MODITALKER["preset"],
        options=MODITALKER["training"]["rgb_autoencoder"],
        seed=config["seed"],


use rule train_moditalker_atom as train_moditalker_rgb_autoencoder_gan with:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        initial=planning.optional_file(MODITALKER["training"]["rgb_autoencoder_gan"].get("initial")),
        weights=[
            planning.stage_weights(config, "moditalker", "rgb_autoencoder"),
            *planning.helper_weights(config, "moditalker", "rgb_autoencoder_gan"),
        ],
    output:
        weights="results/models/moditalker/rgb_autoencoder_gan.safetensors",
        record="results/models/moditalker/rgb_autoencoder_gan.json",
    log:
        "results/logs/train_moditalker_rgb_autoencoder_gan.log",
    benchmark:
        "results/benchmarks/train_moditalker_rgb_autoencoder_gan.tsv"
    params:
        checkpoints="results/checkpoints/moditalker/rgb_autoencoder_gan",
        system="moditalker",
        stage="rgb_autoencoder_gan",
        preset=MODITALKER["preset"],
        options=MODITALKER["training"]["rgb_autoencoder_gan"],
        seed=config["seed"],


use rule train_moditalker_atom as train_moditalker_motion_autoencoder with:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        face3d=training_files("results/face3d/{clip}.npz"),
        initial=planning.optional_file(MODITALKER["training"]["motion_autoencoder"].get("initial")),
        weights=[
            planning.stage_weights(config, "moditalker", "rgb_autoencoder_gan"),
            *planning.helper_weights(config, "moditalker", "motion_autoencoder"),
        ],
    output:
        weights="results/models/moditalker/motion_autoencoder.safetensors",
        record="results/models/moditalker/motion_autoencoder.json",
    log:
        "results/logs/train_moditalker_motion_autoencoder.log",
    benchmark:
        "results/benchmarks/train_moditalker_motion_autoencoder.tsv"
    params:
        checkpoints="results/checkpoints/moditalker/motion_autoencoder",
        system="moditalker",
        stage="motion_autoencoder",
        preset=MODITALKER["preset"],
        options=MODITALKER["training"]["motion_autoencoder"],
        seed=config["seed"],


rule encode_moditalker_latents:
    input:
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        face3d=training_files("results/face3d/{clip}.npz"),
        weights=AUTOENCODERS,
    output:
        latents=directory("results/latents/moditalker"),
    log:
        "results/logs/encode_moditalker_latents.log",
    benchmark:
        "results/benchmarks/encode_moditalker_latents.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=16000,
        gpu=1,
    params:
        system="moditalker",
        preset=MODITALKER["preset"],
    script:
        "../workflow_scripts/encode_latents.py"


use rule train_moditalker_atom as train_moditalker_mtov with:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        face3d=training_files("results/face3d/{clip}.npz"),
        latents="results/latents/moditalker",
        initial=planning.optional_file(MODITALKER["training"]["mtov"].get("initial")),
        weights=AUTOENCODERS,
    output:
        weights="results/models/moditalker/mtov.safetensors",
        record="results/models/moditalker/mtov.json",
    log:
        "results/logs/train_moditalker_mtov.log",
    benchmark:
        "results/benchmarks/train_moditalker_mtov.tsv"
    params:
        checkpoints="results/checkpoints/moditalker/mtov",
        system="moditalker",
        stage="mtov",
        preset=MODITALKER["preset"],
        options=MODITALKER["training"]["mtov"],
        seed=config["seed"],


rule sample_moditalker_motion:
    input:
        view="results/crops/{video}.mp4",
        transform="results/crops/{video}.npz",
        face3d="results/face3d/{video}.npz",
        audio="results/audio/{audio}.wav",
        speech=f"results/features/{MODITALKER['speech']}/{{audio}}.npy",
        weights=planning.stage_weights(config, "moditalker", "atom"),
    output:
        motion="results/motion/moditalker/{video}--{audio}.npz",
    log:
        "results/logs/sample_moditalker_motion/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/sample_moditalker_motion/{video}--{audio}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=8000,
        gpu=1,
    params:
        preset=MODITALKER["preset"],
        options=MODITALKER["sampling"]["motion"],
        reference_frame=MODITALKER["sampling"]["reference_frame"],
        seed=config["seed"],
    script:
        "../workflow_scripts/sample_moditalker_motion.py"


rule align_moditalker_motion:
    input:
        motion="results/motion/moditalker/{video}--{audio}.npz",
        face3d="results/face3d/{video}.npz",
    output:
        landmarks="results/aligned_motion/moditalker/{video}--{audio}.npz",
    log:
        "results/logs/align_moditalker_motion/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/align_moditalker_motion/{video}--{audio}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        beyond=MODITALKER["sampling"]["beyond"],
        whole_numbers=MODITALKER["sampling"]["whole_numbers"],
    script:
        "../workflow_scripts/align_moditalker_motion.py"


rule sample_moditalker:
    input:
        view="results/crops/{video}.mp4",
        transform="results/crops/{video}.npz",
        face3d="results/face3d/{video}.npz",
        motion="results/aligned_motion/moditalker/{video}--{audio}.npz",
        audio="results/audio/{audio}.wav",
        weights=[*AUTOENCODERS, planning.stage_weights(config, "moditalker", "mtov")],
    output:
        sample="results/samples/moditalker/{video}--{audio}.mp4",
    log:
        "results/logs/sample_moditalker/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/sample_moditalker/{video}--{audio}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=16000,
        gpu=1,
    params:
        system="moditalker",
        preset=MODITALKER["preset"],
        options=get_system("moditalker").picture_options(MODITALKER["sampling"]),
        seed=config["seed"],
    script:
        "../workflow_scripts/sample.py"
