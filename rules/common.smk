"""What the rules share: the checked configuration, the list of clips, and the functions that name files."""

import csv
import os
import sys
import time
from pathlib import Path

# Scripts run in processes of their own, here and on a cluster's nodes: this is how they find the house.
HOME = Path(workflow.basedir)
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(HOME), os.getenv("PYTHONPATH")])))
sys.path.insert(0, str(HOME))

from metrics.weights import asking
from models.provenance import caution, read_records
from models.registry import SYSTEMS, system
from toolkit import devices
from toolkit.batches import deal
from toolkit.clips import ClipRow, read_clips
from toolkit.errors import InputError
from toolkit.files import safe_name
from toolkit.log import remarks
from toolkit.settings import complete, read_schema


def checked(settings: dict) -> dict:
    """The configuration with its defaults, each system's block judged by the schema in that system's own folder."""
    schema = read_schema(HOME / "config.schema.yaml")
    for name in SYSTEMS:
        schema["properties"][name] = read_schema(system(name).folder / "options.schema.yaml")
    settings = complete(settings, schema)
    for name in settings["systems"]:
        system(name)
    return settings


def listed_clips() -> dict[str, ClipRow]:
    """The clips of the configuration, by name. A path that is not here may be one of the tables that ship with Talkflow."""
    source = Path("demo/clips.tsv" if config["clips"] == "demo" else config["clips"])
    shipped = HOME / source
    return {row.clip: row for row in read_clips(shipped if shipped.exists() and not source.exists() else source)}


def dub_sources(kind: str, taken: set[str]) -> dict[str, ClipRow]:
    """Pictures or speech that are named for dubbing alone."""
    for name in config["dub"][kind]:
        if name != safe_name(name) or name in taken:
            raise InputError(
                f"dub.{kind}.{name}", "is no safe file name, or is taken", f"Call it {safe_name(name)}_{kind}"
            )
    return {name: ClipRow(name, path) for name, path in config["dub"][kind].items()}


try:
    config = checked(config)
    CLIPS = listed_clips()
    PICTURES = dub_sources("pictures", set(CLIPS))
    SPEECH = dub_sources("speech", set(CLIPS) | set(PICTURES))
except InputError as error:
    raise WorkflowError(str(error))

STARTED = time.time()
SOURCES = SPEECH | PICTURES | CLIPS

# Never two dashes in a row: they part a pair's video from its audio.
NAME = r"[\w.]+(?:-[\w.]+)*"


wildcard_constraints:
    clip=NAME,
    video=NAME,
    audio=NAME,
    system="|".join(["ground_truth", *SYSTEMS]),
    stage=r"\w+",
    batch=rf"(?:own|crossed|dubbed)-\d+|{NAME}--{NAME}",
    encoder="mel|mfcc|hubert|wav2vec2|whisper",


# Here without a GPU a network takes the cores that this run may use. With one, here or on a cluster, its job needs a single
# core beside it, and training some more whose processes decode pictures.
ON_CPU = bool(workflow.cores) and not devices.gpus()
NETWORK_THREADS = workflow.cores if ON_CPU else 1
TRAINING_THREADS = workflow.cores if ON_CPU else 1 + config["training"]["workers"]


def talker(wildcards, column: str) -> str:
    """What demo/talkers.tsv says of a synthetic talker: its `speech`, `look` or `seed`."""
    with open(HOME / "demo/talkers.tsv", encoding="utf-8") as lines:
        rows = {row["clip"]: row for row in csv.DictReader(lines, delimiter="\t")}
    if wildcards.clip not in rows:
        raise InputError(f"results/demo/{wildcards.clip}.mp4", "is no talker of the demo", "See demo/talkers.tsv")
    return rows[wildcards.clip][column]


def source(wildcards) -> str:
    """The user's file behind a clip."""
    if wildcards.clip not in SOURCES:
        raise InputError(
            wildcards.clip, "is named nowhere", "Add it to the clips table or to `dub` in the configuration"
        )
    return SOURCES[wildcards.clip].video


def row_value(column: str):
    """A params function that reads one column of the clip's row."""
    return lambda wildcards: getattr(SOURCES[wildcards.clip], column)


def needs(wildcards) -> list[str]:
    """What a source must hold: a clip both picture and sound, a source for dubbing one of them."""
    if wildcards.clip in CLIPS:
        return ["video", "audio"]
    return ["video"] * (wildcards.clip in PICTURES) + ["audio"] * (wildcards.clip in SPEECH)


def listed(kind: str) -> list[str]:
    """Clips of a split (train, test) or pairs, as the checkpoint found them usable."""
    path = checkpoints.split_clips.get().output[kind]
    with open(path, encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t")[0] for line in lines]
    return rows[1:] if kind == "pairs" else rows


def view(name: str) -> str:
    """The folder of results/ with the pictures that a system works in; the real clips' own are crops."""
    return "crops" if name == "ground_truth" else system(name).view


def view_file(suffix: str):
    """An input function: the video (`mp4`) or the transform (`npz`) of a pair's picture in the system's view."""
    return lambda wildcards: f"results/{view(wildcards.system)}/{wildcards.video}.{suffix}"


def embeddings_checked() -> list[str]:
    """What is wrong with embeddings of the user's, for each system that hears them."""
    heard = [name for name in config["systems"] if config[name].get("speech") == "sda" and config[name]["embeddings"]]
    return expand("results/inspected/embeddings/{system}.json", system=heard)


def training_files(pattern: str):
    """An input function: one file per training clip."""
    return lambda wildcards: expand(pattern, clip=listed("train"))


def prepared(wildcards) -> list[str]:
    """Every listed clip through landmarks, views and features, and the splits. An unusable clip fails here, by its own name."""
    encoders = sorted({config[name]["speech"] for name in config["systems"] if "speech" in config[name]})
    return [
        *expand("results/{view}/{clip}.mp4", view=sorted({"crops", *map(view, config["systems"])}), clip=CLIPS),
        *expand("results/features/{encoder}/{clip}.npy", encoder=encoders, clip=CLIPS),
        "results/splits/pairs.tsv",
    ]


def stage_weights(name: str, stage: str) -> str:
    """Where a stage's weights come from: our own training, the published file, or the user's folder."""
    folders = {"trained": f"results/models/{name}", "published": f"results/weights/{name}"}
    choice = config[name]["weights"]
    return f"{folders.get(choice, choice)}/{stage}.safetensors"


def encoder_weights(name: str) -> list[str]:
    """The weights of a system's own speech encoder; none where the user brings embeddings."""
    choice = config[name]["audio_encoder"]
    path = f"results/weights/{name}/audio_encoder.safetensors" if choice == "published" else choice
    return [] if config[name]["embeddings"] else [path]


def own_embeddings(name: str, clip: str) -> list[str]:
    """The user's embeddings of a clip; none where there is no such file, or none are given."""
    folder = config[name]["embeddings"]
    try:
        return [str(system(name).part("speech").find_supplied(folder, clip))] if folder else []
    except InputError:
        return []


def sampling(name: str, *others: str) -> dict:
    """How a system samples, without the number of clips that it draws at once, which changes no picture, and without `others`."""
    apart = {"clips_at_once", *others}
    return {option: value for option, value in config[name]["sampling"].items() if option not in apart}


def placed_by_hand(wildcards=None) -> list[str]:
    """What lies in weights/perception: a file that is placed there later is looked at then."""
    return sorted(str(path) for path in Path("weights/perception").glob("[!.]*") if path.is_file())


METRIC_WEIGHTS = expand("results/weights/perception/{network}.json", network=config["metrics"]["networks"])
# Scoring takes a GPU where there can be a network for it.
SCORING_GPUS = int(config["metrics"]["download"] or bool(placed_by_hand()))


def drawing(name: str) -> dict:
    """What decides where a system's picture goes in the frame: how it samples, and its preset if it has any."""
    return {"preset": config[name].get("preset"), **sampling(name)}


def batches(name: str, kind: str) -> dict[str, str]:
    """The batch of every pair whose picture and speech are of one clip (`own`) or two (`crossed`), or only `dubbed`.

    Only these last are known before the clips have been inspected.
    """
    pairs = expand("{video}--{audio}", video=PICTURES, audio=SPEECH)
    if kind != "dubbed":
        pairs = [pair for pair in listed("pairs") if (len(set(pair.split("--"))) == 1) == (kind == "own")]
    dealt = deal(pairs, config[name]["sampling"]["clips_at_once"])
    return {pair: f"{kind}-{number}" for pair, number in dealt.items()}


def batch_of(name: str, video: str, audio: str) -> str:
    """The batch in which a system draws a pair; one that is in no list is a batch of its own, of the same name."""
    pair = f"{video}--{audio}"
    if video in CLIPS and audio in CLIPS:
        return batches(name, "own" if video == audio else "crossed").get(pair, pair)
    return batches(name, "dubbed").get(pair, pair)


def members(name: str, batch: str) -> list[tuple[str, str]]:
    """The pairs (video, audio) of a batch."""
    if "--" in batch:
        pairs = [batch]
    else:
        pairs = [pair for pair, other in batches(name, batch.partition("-")[0]).items() if other == batch]
    return [tuple(pair.split("--")) for pair in pairs]


def pair_files(name: str, pattern: str):
    """An input function: one file for each pair of a batch, {video} and {audio} filled in."""
    return lambda wildcards: [
        pattern.format(video=video, audio=audio) for video, audio in members(name, wildcards.batch)
    ]


def trained(wildcards) -> list[str]:
    """The weights of every stage that this configuration trains or fetches."""
    return [stage_weights(name, stage) for name in config["systems"] for stage in system(name).stages]


def videos(wildcards) -> list[str]:
    """The deliverable of every system and pair."""
    return expand("results/videos/{system}/{pair}.mp4", system=config["systems"], pair=listed("pairs"))


def scores(wildcards) -> list[str]:
    """Every system's scores on every pair, and what the real clips themselves score."""
    pairs = listed("pairs")
    own = [pair for pair in pairs if len(set(pair.split("--"))) == 1]
    return [
        *expand("results/scores/ground_truth/{pair}.json", pair=own),
        *expand("results/scores/{system}/{pair}.json", system=config["systems"], pair=pairs),
    ]


def weight_records(wildcards) -> list[str]:
    """The records of all weights that generate; those in a folder of the user's may have none."""
    own = [path for name in config["systems"] if config[name].get("speech") == "sda" for path in encoder_weights(name)]
    records = [Path(path).with_suffix(".json") for path in trained(wildcards) + own]
    return [str(path) for path in records if path.parts[0] == "results" or path.is_file()]


def last_words() -> None:
    """Say at a run's end what its jobs warned of or refused and, once for each system that made deliverables, what is to
    be known of its weights."""
    for remark in remarks("results/logs", since=STARTED):
        logger.warning(remark)
    for name in config["systems"]:
        logs = [path for rule in ("mux_video", "dub_video") for path in Path("results/logs", rule, name).glob("*.log")]
        if any(path.stat().st_mtime >= STARTED for path in logs):
            words = caution(name, read_records(stage_weights(name, stage) for stage in system(name).stages))
            if words:
                logger.warning(words)


def hearing() -> dict[str, str]:
    """The models that hear speech, by the encoder's name."""
    named = {config[name].get("speech") for name in config["systems"]}
    return {name: about["model"] for name, about in config["speech"].items() if name in named}


def papers(wildcards) -> list[Path]:
    """The figures that papers report of the systems."""
    return [path for name in config["systems"] if (path := system(name).folder / "paper.yaml").is_file()]


def dubbed(wildcards) -> list[str]:
    """Every picture with every speech that the configuration names for dubbing, by every system that listens."""
    listening = [name for name in config["systems"] if system(name).stages]
    return expand("results/dub/{system}/{video}--{audio}.mp4", system=listening, video=PICTURES, audio=SPEECH)


def sample_video(wildcards) -> str:
    """A pair's pictures: the system's, or the real clip's own."""
    if wildcards.system == "ground_truth":
        return f"results/crops/{wildcards.video}.mp4"
    return f"results/samples/{wildcards.system}/{wildcards.video}--{wildcards.audio}.mp4"


def opening(name: str) -> str:
    """What tells how the mouth opens in a clip: its truth where somebody knows it, else its landmarks."""
    known = name in CLIPS and CLIPS[name].truth
    return CLIPS[name].truth if known else f"results/landmarks/{name}.npz"


def transcripts(wildcards) -> list[str]:
    """What is said in a pair's speech and what a lip reader has read from its picture, where the user has both."""
    folder = config["metrics"]["transcripts"]
    if folder is None:
        return []
    pair = f"{wildcards.system}/{wildcards.video}--{wildcards.audio}"
    said, read = ([Path(folder, name + suffix) for suffix in (".json", ".txt")] for name in (wildcards.audio, pair))
    found = [next((str(path) for path in paths if path.exists()), None) for paths in (said, read)]
    return found if all(found) else []


def players(sources: list[str], videos: list[str]) -> list[dict]:
    """What stands side by side in the report: for each pair its source, then every system's video."""
    made = [{"pair": Path(path).stem, "system": Path(path).parent.name, "path": path} for path in videos]
    pairs = dict.fromkeys(video["pair"] for video in made)
    return [{"pair": pair, "system": "source", "path": path} for pair, path in zip(pairs, sources)] + made
