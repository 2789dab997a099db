"""The test system: its own measure of every clip, two stages, and samples with masks."""


rule measure_light:
    input:
        view="results/crops/{clip}.mp4",
    output:
        light="results/light/{clip}.npz",
    log:
        "results/logs/measure_light/{clip}.log",
    script:
        "../models/tinted/measure_light.py"


rule train_tinted_base:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        audio=training_files("results/audio/{clip}.wav"),
        light=training_files("results/light/{clip}.npz"),
        weights=planning.network_weights("sda"),
    output:
        weights="results/models/tinted/base.safetensors",
        record="results/models/tinted/base.json",
    log:
        "results/logs/train_tinted_base.log",
    params:
        checkpoints="results/checkpoints/tinted/base",
        system="tinted",
        stage="base",
        preset=config["tinted"]["preset"],
        options=config["tinted"]["training"]["base"],
        seed=config["seed"],
    script:
        "../workflow_scripts/train.py"


use rule train_tinted_base as train_tinted_tone with:
    input:
        verdict=training_files("results/inspected/{clip}.json"),
        view=training_files("results/crops/{clip}.mp4"),
        audio=training_files("results/audio/{clip}.wav"),
        light=training_files("results/light/{clip}.npz"),
        weights=[planning.stage_weights(config, "tinted", "base"), planning.network_weights("sda")],
    output:
        weights="results/models/tinted/tone.safetensors",
        record="results/models/tinted/tone.json",
    log:
        "results/logs/train_tinted_tone.log",
    params:
        checkpoints="results/checkpoints/tinted/tone",
        stage="tone",
        options=config["tinted"]["training"]["tone"],


rule sample_tinted:
    input:
        view="results/crops/{video}.mp4",
        transform="results/crops/{video}.npz",
        audio="results/audio/{audio}.wav",
        light="results/light/{video}.npz",
        weights=[*planning.system_weights(config, "tinted"), planning.network_weights("sda")],
    output:
        sample="results/samples/tinted/{video}--{audio}.mp4",
        masks="results/samples/tinted/{video}--{audio}.mask.mkv",
    log:
        "results/logs/sample_tinted/{video}--{audio}.log",
    params:
        system="tinted",
        preset=config["tinted"]["preset"],
        options=get_system("tinted").picture_options(config["tinted"]["sampling"]),
        seed=config["seed"],
    script:
        "../workflow_scripts/sample.py"
