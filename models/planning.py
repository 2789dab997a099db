"""What a checked configuration asks for: weights, speech features and records by the names of their files.

The rules read this while the workflow plans, so nothing here needs torch. `config` is what
`models.configuration.read_configuration` returns, `name` a system's; paths are as the workflow writes them.
"""

from collections.abc import Mapping
from pathlib import Path

from models.provenance import caution, read_records
from models.registry import get_system
from models.speech.registry import KINDS, SpeechKind
from models.speech.supplied import supplied_files
from toolkit.faces.morphable import FOLDER, SOURCES, missing
from toolkit.pairs import pair_name


def view(name: str) -> str:
    """The folder of results/ with the pictures that a system works in; those of `ground_truth` are crops."""
    return "crops" if name == "ground_truth" else get_system(name).view


def clip_inputs(config: Mapping) -> list[str]:
    """The folders of results/ with further files of clips (.npz) that the systems read."""
    return sorted({kind for name in config["systems"] for kind in get_system(name).inputs})


def chosen_weights(config: Mapping, name: str) -> str | Mapping[str, str]:
    """What `weights` says of a system, or its preset where the configuration leaves it open; "trained" for any other."""
    preset = get_system(name).preset_weights.get(config[name].get("preset"), "trained")
    return config[name].get("weights") or preset


def stage_weights(config: Mapping, name: str, stage: str) -> str:
    """Where a stage's weights come from: our own training, the published file, or a folder of the user's; `weights` says
    so for the whole system, or by stage."""
    folders = {"trained": f"results/models/{name}", "published": f"results/weights/{name}"}
    choice = chosen_weights(config, name)
    choice = choice if isinstance(choice, str) else choice.get(stage, "trained")
    return f"{folders.get(choice, choice)}/{stage}.safetensors"


def system_weights(config: Mapping, name: str) -> list[str]:
    """The weights of every stage of a system, in their order."""
    return [stage_weights(config, name, stage) for stage in get_system(name).stages]


def helper_weights(config: Mapping, name: str, stage: str) -> list[str]:
    """The weights of other people's networks that a stage's training takes."""
    return [network_weights(network) for network in get_system(name).networks(stage, config[name]["preset"])]


def network_weights(network: str) -> str:
    """The weights of somebody else's network that a system or an encoder generates with."""
    return f"results/weights/networks/{network}.safetensors"


def face3d_model(config: Mapping, folder: str | Path = FOLDER) -> str:
    """What 3D faces are of: "bfm" where the user has placed the face model's files, unless the configuration says otherwise,
    else "learned". Raises InputError where it says "bfm" and a file is missing."""
    absent = [path for path in face3d_files(folder) if not Path(path).is_file()]
    chosen = config["face3d"]["model"] or ("learned" if absent else "bfm")
    if chosen == "bfm" and absent:
        raise missing(absent[0])
    return chosen


def face3d_files(folder: str | Path = FOLDER) -> list[str]:
    """Where the user places the face model, its standard face and the regressor of its coefficients, in this order."""
    return [str(Path(folder, name)) for name in SOURCES]


def speech_entries(config: Mapping) -> list[str]:
    """The entries of `speech:` that the systems name."""
    return sorted({config[name]["speech"] for name in config["systems"] if "speech" in config[name]})


def speech_kind(config: Mapping, entry: str) -> SpeechKind:
    """The kind of an entry of `speech:`."""
    return KINDS[config["speech"][entry]["kind"]]


def speech_source(config: Mapping, entry: str, clip: str) -> list[str]:
    """What an entry's features are made of beside the sound: weights, or the user's own file if there is one."""
    settings = config["speech"][entry]
    if "folder" in settings:
        return supplied_files(settings["folder"], clip)
    return encoder_weights(config, entry)


def encoder_weights(config: Mapping, entry: str) -> list[str]:
    """The weights of an entry's encoder, where it has any that are a file."""
    network, settings = speech_kind(config, entry).weights, config["speech"][entry]
    if network is None:
        return []
    return [network_weights(network) if settings["weights"] == "published" else settings["weights"]]


def speech_models(config: Mapping) -> dict[str, str]:
    """The models of the speech entries in use, by the entry's name."""
    entries = {entry: config["speech"][entry] for entry in speech_entries(config)}
    return {entry: settings["model"] for entry, settings in entries.items() if "model" in settings}


def supplied_speech_checks(config: Mapping) -> list[str]:
    """What is wrong with features of the user's own, a file for each entry of them that is in use."""
    supplied = [entry for entry in speech_entries(config) if "folder" in config["speech"][entry]]
    return [f"results/inspected/speech/{entry}.json" for entry in supplied]


def weight_records(config: Mapping) -> list[str]:
    """The records of all weights that generate; those in a folder of the user's may have none."""
    weights = [path for name in config["systems"] for path in system_weights(config, name)]
    weights += [path for entry in speech_entries(config) for path in encoder_weights(config, entry)]
    records = [Path(path).with_suffix(".json") for path in weights]
    return [str(path) for path in records if path.parts[0] == "results" or path.is_file()]


def paper_files(config: Mapping) -> list[str]:
    """The figures that papers report of the systems."""
    papers = [get_system(name).folder / "paper.yaml" for name in config["systems"]]
    return [str(path) for path in papers if path.is_file()]


def sample_video(system: str, video: str, audio: str) -> str:
    """A pair's pictures: the system's, or the real clip's own where it is `ground_truth`."""
    name = pair_name(video, audio)
    return f"results/crops/{video}.mp4" if system == "ground_truth" else f"results/samples/{system}/{name}.mp4"


def sample_masks(system: str, video: str, audio: str) -> list[str]:
    """The masks of a pair's pictures, where the system brings them."""
    brings_masks = get_system(system).brings_masks
    return [f"results/samples/{system}/{pair_name(video, audio)}.mask.mkv"] if brings_masks else []


def optional_file(path: str | None) -> list[str]:
    """A file that the configuration may name, as a rule's input."""
    return [path] if path else []


def placed_files(folder: str | Path) -> list[str]:
    """What a user has placed in a folder, hidden files apart."""
    return sorted(str(path) for path in Path(folder).glob("[!.]*") if path.is_file())


def cautions(config: Mapping, logs: str | Path, since: float) -> list[str]:
    """What is to be known of the weights of each system that has made deliverables since then (s, as `time.time`), by the
    logs of its jobs; see `models.provenance.caution`."""
    lines = []
    for name in config["systems"]:
        jobs = [path for rule in ("mux_video", "dub_video") for path in Path(logs, rule, name).glob("*.log")]
        if any(path.stat().st_mtime >= since for path in jobs):
            lines.append(caution(name, read_records(system_weights(config, name))))
    return list(filter(None, lines))
