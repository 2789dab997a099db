"""DiffDub: train the renderer, encode the lips of every frame, train the sequence generator on these latents, sample dubbed faces."""


rule train_diffdub_renderer:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        initial=planning.optional_file(config["diffdub"]["training"]["renderer"].get("initial")),
    output:
        weights="results/models/diffdub/renderer.safetensors",
        record="results/models/diffdub/renderer.json",
    log:
        "results/logs/train_diffdub_renderer.log",
    benchmark:
        "results/benchmarks/train_diffdub_renderer.tsv"
    conda:
        "../envs/learning.yaml"
    threads: TRAINING_THREADS
    resources:
        mem_mb=16000,
        gpu=config["training"]["gpus"],
        runtime=2880,
    params:
        checkpoints="results/checkpoints/diffdub/renderer",
        system="diffdub",
        stage="renderer",
        preset=config["diffdub"]["preset"],
        options=config["diffdub"]["training"]["renderer"],
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


rule encode_diffdub_latents:
    input:
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        weights=[planning.stage_weights(config, "diffdub", "renderer")],
    output:
        latents=directory("results/latents/diffdub"),
    log:
        "results/logs/encode_diffdub_latents.log",
    benchmark:
        "results/benchmarks/encode_diffdub_latents.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=16000,
        gpu=1,
    params:
        system="diffdub",
        preset=config["diffdub"]["preset"],
    script:
        "../workflow_scripts/encode_latents.py"


rule train_diffdub_sequence:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        transform=training_files("results/crops/{clip}.npz"),
        speech=training_files(f"results/features/{config['diffdub']['speech']}/{{clip}}.npy"),
        latents="results/latents/diffdub",
        initial=planning.optional_file(config["diffdub"]["training"]["sequence"].get("initial")),
    output:
        weights="results/models/diffdub/sequence.safetensors",
        record="results/models/diffdub/sequence.json",
    log:
        "results/logs/train_diffdub_sequence.log",
    benchmark:
        "results/benchmarks/train_diffdub_sequence.tsv"
    conda:
        "../envs/learning.yaml"
    threads: TRAINING_THREADS
    resources:
        mem_mb=16000,
        gpu=config["training"]["gpus"],
        runtime=2880,
    params:
        checkpoints="results/checkpoints/diffdub/sequence",
        system="diffdub",
        stage="sequence",
        preset=config["diffdub"]["preset"],
        options=config["diffdub"]["training"]["sequence"],
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


rule sample_diffdub:
    input:
        view="results/crops/{video}.mp4",
        transform="results/crops/{video}.npz",
        audio="results/audio/{audio}.wav",
        speech=f"results/features/{config['diffdub']['speech']}/{{audio}}.npy",
        weights=planning.system_weights(config, "diffdub"),
    output:
        sample="results/samples/diffdub/{video}--{audio}.mp4",
    log:
        "results/logs/sample_diffdub/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/sample_diffdub/{video}--{audio}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=8000,
        gpu=1,
    params:
        system="diffdub",
        preset=config["diffdub"]["preset"],
        options=get_system("diffdub").picture_options(config["diffdub"]["sampling"]),
        seed=config["seed"],
    script:
        "../workflow_scripts/sample.py"
