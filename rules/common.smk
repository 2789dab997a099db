"""What the rules share: the checked configuration, the list of clips, and the functions that name files."""

import gc
import os
import sys
import time
from functools import partial
from pathlib import Path

# Scripts run in processes of their own, here and on a cluster's nodes: this is how they find the project.
HOME = Path(workflow.basedir)
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(HOME), os.getenv("PYTHONPATH")])))
sys.path.insert(0, str(HOME))

from metrics.transcripts import find_transcripts
from metrics.weights import retry_token
from models import planning
from models.configuration import read_configuration
from models.registry import SYSTEMS, get_system
from toolkit.batches import Batches
from toolkit.clips import read_sources
from toolkit.errors import InputError
from toolkit.log import remarks
from toolkit.pairs import SEPARATOR, Pair, Pairs, pair_name, pair_of, read_pairs, split_pair
from toolkit.synthetic.table import read_talker

# A plan makes objects by the million, nearly all of which stay: looking through them again and again costs ever more.
gc.set_threshold(200_000, 50, 100)

try:
    config = read_configuration(config, HOME / "config.schema.yaml")
    SOURCES = read_sources(config["clips"], config["dub"], HOME)
except InputError as error:
    raise WorkflowError(str(error))

STARTED = time.time()
CLIPS = SOURCES.clips
DUBBED = Pairs(Pair(video, audio, "dubbed") for video in SOURCES.pictures for audio in SOURCES.speech)

# Never two dashes in a row: they part a pair's video from its audio.
NAME = r"[\w.]+(?:-[\w.]+)*"


wildcard_constraints:
    clip=NAME,
    video=NAME,
    audio=NAME,
    system="|".join(["ground_truth", *SYSTEMS]),
    stage=r"\w+",
    batch=rf"(?:self|crossed|dubbed|all)-\d+|{NAME}--{NAME}",
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


def row_value(column: str):
    """An input or params function that reads one column of the source's row."""
    return lambda wildcards: getattr(SOURCES[wildcards.clip], column)


def read_split(kind: str) -> list[str]:
    """Clips of a split (train, test), as the checkpoint found them usable."""
    return Path(checkpoints.split_clips.get().output[kind]).read_text(encoding="utf-8").split("\n")[:-1]


def pairs() -> Pairs:
    """The pairs of usable test clips."""
    return read_pairs(checkpoints.split_clips.get().output.pairs)


def view_file(suffix: str):
    """An input function: the video (`mp4`) or the transform (`npz`) of a pair's picture in the system's view."""
    return lambda wildcards: f"results/{planning.view(wildcards.system)}/{wildcards.video}.{suffix}"


def training_files(pattern: str):
    """An input function: one file per training clip."""
    return lambda wildcards: expand(pattern, clip=read_split("train"))


def prepared_files(wildcards) -> list[str]:
    """Every listed clip through landmarks, views and features, and the splits. An unusable clip fails here, by its own name."""
    views = sorted({"crops", *map(planning.view, config["systems"])})
    return [
        *expand("results/{view}/{clip}.mp4", view=views, clip=CLIPS),
        *expand("results/{kind}/{clip}.npz", kind=planning.clip_inputs(config), clip=CLIPS),
        *expand("results/features/{entry}/{clip}.npy", entry=planning.speech_entries(config), clip=CLIPS),
        "results/splits/pairs.tsv",
    ]


METRIC_WEIGHTS = expand("results/weights/perception/{network}.json", network=config["metrics"]["networks"])
# Scoring takes a GPU where there can be a network for it.
SCORING_GPUS = int(config["metrics"]["download"] or bool(planning.placed_files("weights/perception")))


def batches(name: str, kind: str) -> Batches:
    """The batches in which a system samples a kind of pairs. Only those to be `dubbed` are known before the clips have
    been inspected."""
    size = get_system(name).pairs_at_once(config[name]["sampling"])
    return (DUBBED if kind == "dubbed" else pairs()).batches(kind, size)


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


def trained_weights(wildcards) -> list[str]:
    """The weights of every stage that this configuration trains or fetches."""
    return [path for name in config["systems"] for path in planning.system_weights(config, name)]


def deliverables(wildcards) -> list[str]:
    """The finished video of every system and pair."""
    return expand("results/videos/{system}/{pair.name}.mp4", system=config["systems"], pair=pairs())


def score_batches(name: str) -> Batches:
    """The batches in which a system's pairs are scored; the real clips have those with their own speech alone."""
    return pairs().batches("self" if name == "ground_truth" else "all", config["metrics"]["pairs_at_once"])


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


def last_words() -> None:
    """Say at a run's end what its jobs warned of or refused and, once for each system that made deliverables, what is to
    be known of its weights."""
    for words in [*remarks("results/logs", since=STARTED), *planning.cautions(config, "results/logs", since=STARTED)]:
        logger.warning(words)


def dubbed_videos(wildcards) -> list[str]:
    """Every picture with every speech that the configuration names for dubbing, by every system that learns."""
    trained_systems = [name for name in config["systems"] if get_system(name).stages]
    return expand("results/dub/{system}/{pair.name}.mp4", system=trained_systems, pair=DUBBED)


def scored_transcripts(wildcards) -> list[str]:
    """What is said in each pair's speech and what a lip reader has read from its picture, where the user has both."""
    found = scored_files(partial(find_transcripts, config["metrics"]["transcripts"]))(wildcards)
    return sorted({path for paths in found for path in paths})
