"""Diffused Heads: embed speech, train the network, draw many clips side by side, a frame of each at a time."""


localrules:
    sample_diffused_heads,


# Before who trains and who is tested is decided: one bad file never stops the others.
rule check_embeddings:
    input:
        verdicts=expand("results/inspected/{clip}.json", clip=CLIPS),
        supplied=[path for clip in CLIPS for path in own_embeddings("diffused_heads", clip)],
    output:
        wrong="results/inspected/embeddings/diffused_heads.json",
    log:
        "results/logs/check_embeddings.log",
    benchmark:
        "results/benchmarks/check_embeddings.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        system="diffused_heads",
        embeddings=config["diffused_heads"]["embeddings"],
        spans={row.clip: (row.start, row.end) for row in CLIPS.values()},
    script:
        "../workflow_scripts/check_embeddings.py"


rule embed_speech:
    input:
        audio="results/audio/{clip}.wav",
        weights=encoder_weights("diffused_heads"),
        supplied=lambda wildcards: own_embeddings("diffused_heads", wildcards.clip),
    output:
        features="results/features/sda/{clip}.npy",
        info="results/features/sda/{clip}.json",
    log:
        "results/logs/embed_speech/{clip}.log",
    benchmark:
        "results/benchmarks/embed_speech/{clip}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS
    resources:
        mem_mb=4000,
        gpu=int(not config["diffused_heads"]["embeddings"]),
    params:
        system="diffused_heads",
        embeddings=config["diffused_heads"]["embeddings"],
    script:
        "../workflow_scripts/embed_speech.py"


rule train_diffused_heads:
    input:
        verdicts=training_files("results/inspected/{clip}.json"),
        crops=training_files(f"results/{view('diffused_heads')}/{{clip}}.mp4"),
        transforms=training_files(f"results/{view('diffused_heads')}/{{clip}}.npz"),
        speech=training_files(f"results/features/{config['diffused_heads']['speech']}/{{clip}}.npy"),
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
        system="diffused_heads",
        stage="unet",
        preset=config["diffused_heads"]["preset"],
        options=config["diffused_heads"]["training"] | {"speech_pooling": config["diffused_heads"]["speech_pooling"]},
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


# Each frame is made from the two before it: only many clips at once keep a GPU busy.
rule draw_diffused_heads:
    input:
        crop=pair_files("diffused_heads", f"results/{view('diffused_heads')}/{{video}}.mp4"),
        transform=pair_files("diffused_heads", f"results/{view('diffused_heads')}/{{video}}.npz"),
        audio=pair_files("diffused_heads", "results/audio/{audio}.wav"),
        speech=pair_files("diffused_heads", f"results/features/{config['diffused_heads']['speech']}/{{audio}}.npy"),
        weights=[stage_weights("diffused_heads", stage) for stage in system("diffused_heads").stages],
    output:
        samples=directory("results/batches/diffused_heads/{batch}"),
    log:
        "results/logs/draw_diffused_heads/{batch}.log",
    benchmark:
        "results/benchmarks/draw_diffused_heads/{batch}.tsv"
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
        # Where the pictures go in the frame is decided after they are drawn.
        options=sampling("diffused_heads", "paste", "beyond")
        | {"speech_pooling": config["diffused_heads"]["speech_pooling"]},
        seed=config["seed"],
    script:
        "../workflow_scripts/draw_batch.py"


rule sample_diffused_heads:
    input:
        batch=lambda wildcards: f"results/batches/diffused_heads/{batch_of('diffused_heads', **wildcards)}",
    output:
        sample="results/samples/diffused_heads/{video}--{audio}.mp4",
    log:
        "results/logs/sample_diffused_heads/{video}--{audio}.log",
    benchmark:
        "results/benchmarks/sample_diffused_heads/{video}--{audio}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../workflow_scripts/take_sample.py"
