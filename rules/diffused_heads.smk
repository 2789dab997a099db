"""Diffused Heads: train the network, sample many clips side by side, a frame of each at a time."""


localrules:
    link_sample_diffused_heads,


rule train_diffused_heads:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files(f"results/{planning.view('diffused_heads')}/{{clip}}.mp4"),
        transform=training_files(f"results/{planning.view('diffused_heads')}/{{clip}}.npz"),
        speech=training_files(f"results/features/{config['diffused_heads']['speech']}/{{clip}}.npy"),
        initial=planning.optional_file(config["diffused_heads"]["training"].get("initial")),
    output:
        weights="results/models/diffused_heads/unet.safetensors",
        record="results/models/diffused_heads/unet.json",
    log:
        "results/logs/train_diffused_heads.log",
    benchmark:
        "results/benchmarks/train_diffused_heads.tsv"
    conda:
        "../envs/learning.yaml"
    threads: TRAINING_THREADS
    resources:
        mem_mb=16000,
        gpu=config["training"]["gpus"],
        runtime=2880,
    params:
        checkpoints="results/checkpoints/diffused_heads/unet",
        system="diffused_heads",
        stage="unet",
        preset=config["diffused_heads"]["preset"],
        options=config["diffused_heads"]["training"] | {"speech_pooling": config["diffused_heads"]["speech_pooling"]},
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


# Each frame is made from the two before it: only many clips at once keep a GPU busy.
rule sample_diffused_heads:
    input:
        view=pair_files("diffused_heads", f"results/{planning.view('diffused_heads')}/{{video}}.mp4"),
        transform=pair_files("diffused_heads", f"results/{planning.view('diffused_heads')}/{{video}}.npz"),
        audio=pair_files("diffused_heads", "results/audio/{audio}.wav"),
        speech=pair_files("diffused_heads", f"results/features/{config['diffused_heads']['speech']}/{{audio}}.npy"),
        weights=planning.system_weights(config, "diffused_heads"),
    output:
        samples=directory("results/batches/diffused_heads/{batch}"),
    log:
        "results/logs/sample_diffused_heads/{batch}.log",
    benchmark:
        "results/benchmarks/sample_diffused_heads/{batch}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=16000,
        gpu=1,
        runtime=1440,
    params:
        system="diffused_heads",
        preset=config["diffused_heads"]["preset"],
        options=get_system("diffused_heads").picture_options(config["diffused_heads"]["sampling"])
        | {"speech_pooling": config["diffused_heads"]["speech_pooling"]},
        seed=config["seed"],
    script:
        "../workflow_scripts/sample_batch.py"


rule link_sample_diffused_heads:
    input:
        batch=lambda wildcards: f"results/batches/diffused_heads/{batch_of('diffused_heads', **wildcards)}",
    output:
        sample="results/samples/diffused_heads/{video}--{audio}.mp4",
    log:
        "results/logs/link_sample_diffused_heads/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/link_sample_diffused_heads/{video}--{audio}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../workflow_scripts/link_sample.py"
