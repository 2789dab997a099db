"""What the rules share: the checked configuration, the list of clips, and the functions that name files."""

import os
import sys
import time
from functools import cache, partial
from pathlib import Path

# Scripts run in processes of their own, here and on a cluster's nodes: this is how they find the project.
HOME = Path(workflow.basedir)
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(HOME), os.getenv("PYTHONPATH")])))
sys.path.insert(0, str(HOME))

from metrics.transcripts import find_transcripts
from metrics.weights import retry_token
from models.configuration import read_configuration
from models.provenance import caution, read_records
from models.registry import SYSTEMS, get_system
from models.speech.registry import KINDS, SpeechKind
from models.speech.supplied import supplied_files
from toolkit.batches import Batches
from toolkit.clips import dub_rows, read_clips
from toolkit.errors import InputError
from toolkit.log import remarks
from toolkit.pairs import SEPARATOR, Pair, pair_name, pair_of, read_pairs, split_pair
from toolkit.synthetic.table import read_talker

try:
    config = read_configuration(config, HOME / "config.schema.yaml")
    CLIPS = {row.clip: row for row in read_clips(config["clips"], HOME)}
    PICTURES = dub_rows("pictures", config["dub"]["pictures"], CLIPS)
    SPEECH = dub_rows("speech", config["dub"]["speech"], CLIPS | PICTURES)
except InputError as error:
    raise WorkflowError(str(error))

STARTED = time.time()
SOURCES = SPEECH | PICTURES | CLIPS
DUBBED = [Pair(video, audio, "dubbed") for video in PICTURES for audio in SPEECH]

# Never two dashes in a row: they part a pair's video from its audio.
NAME = r"[\w.]+(?:-[\w.]+)*"


wildcard_constraints:
    clip=NAME,
    video=NAME,
    audio=NAME,
    system="|".join(["ground_truth", *SYSTEMS]),
    stage=r"\w+",
    batch=rf"(?:self|crossed|dubbed|pairs)-\d+|{NAME}--{NAME}",
    entry=r"\w+",
    network=r"\w+",


# The cap of `--resources gpu=N` is one machine's: a cluster hands out its GPUs itself.
resource_scopes:
    gpu="local",


def network_threads(least: int, cluster: int) -> int:
    """Cores of a job that runs a network: what the configuration says, else its share of the run's cores for each of the
    run's GPUs. A run on a cluster has no cores: it asks for `cluster` of them, and the job sees those that it got, not the
    node's."""
    cores = workflow.resource_settings.cores  # `workflow.cores` fails where there are none
    if workflow.remote_exec:
        return int(os.getenv("SLURM_CPUS_PER_TASK", cores))
    gpus = workflow.global_resources.get("gpu").value or 1  # None where the run caps other resources alone
    return config["threads"] or (max(cores // gpus, least) if cores else cluster)


# A training on GPUs has processes of its own that decode pictures.
TRAINING_PROCESSES = 1 + config["training"]["workers"]
NETWORK_THREADS = network_threads(least=1, cluster=4)
TRAINING_THREADS = network_threads(least=TRAINING_PROCESSES, cluster=TRAINING_PROCESSES)


def demo_talker(wildcards) -> dict[str, str]:
    """What demo/talkers.tsv says of a synthetic talker: its `speech`, `look` and `seed`."""
    return read_talker(HOME / "demo/talkers.tsv", wildcards.clip)


def source(wildcards) -> str:
    """The user's file behind a clip."""
    if wildcards.clip not in SOURCES:
        raise InputError(wildcards.clip, "is named nowhere", "Add it to the clips table, or to `dub` in config.yaml")
    return SOURCES[wildcards.clip].video


def row_value(column: str):
    """A params function that reads one column of the clip's row."""
    return lambda wildcards: getattr(SOURCES[wildcards.clip], column)


def required_tracks(wildcards) -> list[str]:
    """What a source must hold: a clip both picture and sound, a source for dubbing one of them."""
    if wildcards.clip in CLIPS:
        return ["video", "audio"]
    return ["video"] * (wildcards.clip in PICTURES) + ["audio"] * (wildcards.clip in SPEECH)


def read_split(kind: str) -> list[str]:
    """Clips of a split (train, test), as the checkpoint found them usable."""
    return Path(checkpoints.split_clips.get().output[kind]).read_text(encoding="utf-8").split("\n")[:-1]


@cache
def _pairs(path: str) -> list[Pair]:
    return read_pairs(path)


def pairs() -> list[Pair]:
    """The pairs of usable test clips."""
    return _pairs(str(checkpoints.split_clips.get().output.pairs))


def view(name: str) -> str:
    """The folder of results/ with the pictures that a system works in; the real clips' own are crops."""
    return "crops" if name == "ground_truth" else get_system(name).view


def view_file(suffix: str):
    """An input function: the video (`mp4`) or the transform (`npz`) of a pair's picture in the system's view."""
    return lambda wildcards: f"results/{view(wildcards.system)}/{wildcards.video}.{suffix}"


def speech_entries() -> list[str]:
    """The entries of `speech:` that the systems name."""
    return sorted({config[name]["speech"] for name in config["systems"] if "speech" in config[name]})


def speech_kind(entry: str) -> SpeechKind:
    """The kind of an entry of `speech:`."""
    return KINDS[config["speech"][entry]["kind"]]


def speech_source(entry: str, clip: str) -> list[str]:
    """What an entry's features are made of beside the sound: weights, or the user's own file if there is one."""
    settings = config["speech"][entry]
    if "folder" in settings:
        return supplied_files(settings["folder"], clip)
    if not speech_kind(entry).has_weights:
        return []
    weights = settings["weights"]
    return [network_weights(settings["kind"]) if weights == "published" else weights]


def network_weights(network: str) -> str:
    """The weights of somebody else's network that a system or an encoder generates with."""
    return f"results/weights/networks/{network}.safetensors"


def supplied_speech_checks() -> list[str]:
    """What is wrong with features of the user's own, for each entry of them that is in use."""
    supplied = [entry for entry in speech_entries() if "folder" in config["speech"][entry]]
    return expand("results/inspected/speech/{entry}.json", entry=supplied)


def training_files(pattern: str):
    """An input function: one file per training clip."""
    return lambda wildcards: expand(pattern, clip=read_split("train"))


def prepared(wildcards) -> list[str]:
    """Every listed clip through landmarks, views and features, and the splits. An unusable clip fails here, by its own name."""
    inputs = {kind for name in config["systems"] for kind in get_system(name).inputs}
    return [
        *expand("results/{view}/{clip}.mp4", view=sorted({"crops", *map(view, config["systems"])}), clip=CLIPS),
        *expand("results/{kind}/{clip}.npz", kind=sorted(inputs), clip=CLIPS),
        *expand("results/features/{entry}/{clip}.npy", entry=speech_entries(), clip=CLIPS),
        "results/splits/pairs.tsv",
    ]


def stage_weights(name: str, stage: str) -> str:
    """Where a stage's weights come from: our own training, the published file, or a folder of the user's; `weights` says
    so for the whole system, or by stage."""
    folders = {"trained": f"results/models/{name}", "published": f"results/weights/{name}"}
    choice = config[name]["weights"]
    choice = choice if isinstance(choice, str) else choice.get(stage, "trained")
    return f"{folders.get(choice, choice)}/{stage}.safetensors"


def given(path: str | None) -> list[str]:
    """A file that the configuration may name, as a rule's input."""
    return [path] if path else []


def placed_by_hand(wildcards=None) -> list[str]:
    """What lies in weights/perception: a file that is placed there later is looked at then."""
    return sorted(str(path) for path in Path("weights/perception").glob("[!.]*") if path.is_file())


METRIC_WEIGHTS = expand("results/weights/perception/{network}.json", network=config["metrics"]["networks"])
# Scoring takes a GPU where there can be a network for it.
SCORING_GPUS = int(config["metrics"]["download"] or bool(placed_by_hand()))


@cache
def _batches(name: str, kind: str, table: str) -> Batches:
    names = [pair.name for pair in (read_pairs(table) if table else DUBBED) if pair.kind == kind]
    return Batches(names, get_system(name).pairs_at_once(config[name]["sampling"]), prefix=f"{kind}-")


def batches(name: str, kind: str) -> Batches:
    """The batches in which a system samples a kind of pairs. Only those to be `dubbed` are known before the clips have
    been inspected."""
    return _batches(name, kind, "" if kind == "dubbed" else str(checkpoints.split_clips.get().output.pairs))


def batch_of(name: str, video: str, audio: str) -> str:
    """The batch of a pair; one that is in no list is a batch of its own, of the same name."""
    kind = pair_of(video, audio).kind if video in CLIPS and audio in CLIPS else "dubbed"
    return batches(name, kind).batch_of(pair_name(video, audio))


def pair_files(name: str, pattern: str):
    """An input function: one file for each pair of a batch, {video} and {audio} filled in."""

    def files(wildcards) -> list[str]:
        batch = wildcards.batch
        names = [batch] if SEPARATOR in batch else batches(name, batch.partition("-")[0]).names_of(batch)
        return [pattern.format(video=video, audio=audio) for video, audio in map(split_pair, names)]

    return files


def sample_masks(wildcards) -> list[str]:
    """The masks of a sample, where the system brings them."""
    brings = get_system(wildcards.system).brings_masks
    return expand("results/samples/{system}/{video}--{audio}.mask.mkv", **wildcards) if brings else []


def trained(wildcards) -> list[str]:
    """The weights of every stage that this configuration trains or fetches."""
    return [stage_weights(name, stage) for name in config["systems"] for stage in get_system(name).stages]


def videos(wildcards) -> list[str]:
    """The deliverable of every system and pair."""
    return expand("results/videos/{system}/{pair.name}.mp4", system=config["systems"], pair=pairs())


@cache
def _score_batches(name: str, table: str) -> Batches:
    kinds = ("self",) if name == "ground_truth" else ("self", "crossed")
    names = [pair.name for pair in _pairs(table) if pair.kind in kinds]
    return Batches(names, config["metrics"]["pairs_at_once"], prefix="pairs-")


def score_batches(name: str) -> Batches:
    """The batches in which a system's pairs are scored; the real clips have those with their own speech alone."""
    return _score_batches(name, str(checkpoints.split_clips.get().output.pairs))


def score_folders(wildcards) -> list[str]:
    """Every system's scores on every pair, and what the real clips themselves score."""
    systems = ["ground_truth", *config["systems"]]
    return [f"results/scores/{name}/{batch}" for name in systems for batch in score_batches(name).batches]


def scored_files(path):
    """An input function: `path(system, video, audio)` for each pair of a batch that is scored."""

    def files(wildcards) -> list[str]:
        names = score_batches(wildcards.system).names_of(wildcards.batch)
        return [path(wildcards.system, *split_pair(name)) for name in names]

    return files


def weight_records(wildcards) -> list[str]:
    """The records of all weights that generate; those in a folder of the user's may have none."""
    encoders = [entry for entry in speech_entries() if speech_kind(entry).has_weights]
    weights = trained(wildcards) + [path for entry in encoders for path in speech_source(entry, clip="")]
    records = [Path(path).with_suffix(".json") for path in weights]
    return [str(path) for path in records if path.parts[0] == "results" or path.is_file()]


def last_words() -> None:
    """Say at a run's end what its jobs warned of or refused and, once for each system that made deliverables, what is to
    be known of its weights."""
    for remark in remarks("results/logs", since=STARTED):
        logger.warning(remark)
    for name in config["systems"]:
        logs = [path for rule in ("mux_video", "dub_video") for path in Path("results/logs", rule, name).glob("*.log")]
        if any(path.stat().st_mtime >= STARTED for path in logs):
            words = caution(name, read_records(stage_weights(name, stage) for stage in get_system(name).stages))
            if words:
                logger.warning(words)


def speech_models() -> dict[str, str]:
    """The models of the speech entries in use, by the entry's name."""
    entries = {entry: config["speech"][entry] for entry in speech_entries()}
    return {entry: settings["model"] for entry, settings in entries.items() if "model" in settings}


def papers(wildcards) -> list[Path]:
    """The figures that papers report of the systems."""
    return [path for name in config["systems"] if (path := get_system(name).folder / "paper.yaml").is_file()]


def dubbed(wildcards) -> list[str]:
    """Every picture with every speech that the configuration names for dubbing, by every system that learns."""
    trained_systems = [name for name in config["systems"] if get_system(name).stages]
    return expand("results/dub/{system}/{pair.name}.mp4", system=trained_systems, pair=DUBBED)


def sample_path(system: str, video: str, audio: str) -> str:
    """A pair's pictures: the system's, or the real clip's own."""
    if system == "ground_truth":
        return f"results/crops/{video}.mp4"
    return f"results/samples/{system}/{pair_name(video, audio)}.mp4"


def opening(name: str) -> str:
    """What tells how the mouth opens in a clip: its truth where somebody knows it, else its landmarks."""
    known = name in CLIPS and CLIPS[name].truth
    return CLIPS[name].truth if known else f"results/landmarks/{name}.npz"


def scored_transcripts(wildcards) -> list[str]:
    """What is said in each pair's speech and what a lip reader has read from its picture, where the user has both."""
    found = scored_files(partial(find_transcripts, config["metrics"]["transcripts"]))(wildcards)
    return sorted({path for paths in found for path in paths})
