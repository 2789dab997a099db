"""Embed speech as a system's own encoder does: one row for every video frame, whatever the system hears around it.

Users who have such embeddings of their clips name their folder, and their files are checked and taken over instead. The
encoder's are written block by block, so that an hour of speech takes no more memory than a minute.
"""

from pathlib import Path

from models.registry import get_system
from toolkit import devices
from toolkit.errors import InputError
from toolkit.files import read_json, write_blocks, write_json, write_npy
from toolkit.log import job_log
from toolkit.speech import Recording
from toolkit.timing import FPS, SAMPLES_PER_FRAME


def embed_speech(
    audio: str | Path,
    features: str | Path,
    info: str | Path,
    *,
    system: str,
    weights: str | Path | None = None,
    embeddings: str | Path | None = None,
) -> None:
    """Write `features` (.npy (T, width) float32) and `info` (.json: rate, shape, origin) of a clip of T video frames.

    They come from the system's encoder with `weights` (.safetensors), or from the clip's file in the user's folder
    `embeddings`. Raises InputError where neither can be used.
    """
    samples = Recording(audio)
    frames = len(samples) // SAMPLES_PER_FRAME
    if not frames:
        raise InputError(audio, "its sound lasts less than one video frame (0.04 s)", "Give a longer recording")
    if embeddings:
        speech = get_system(system).part("speech")
        origin = speech.find_supplied(embeddings, Path(audio).stem)
        rows = speech.read_supplied(origin, frames)
        write_npy(features, rows)
        encoder, shape = "supplied", list(rows.shape)
    else:
        with devices.lease():
            audio_encoder = get_system(system).part("audio_encoder")
            network = audio_encoder.load(weights, devices.device())
            shape = write_blocks(features, audio_encoder.embed(network, samples), frames, "float32")
        encoder, origin = "sda", _origin(weights)
    about = {"encoder": encoder, "origin": str(origin), "rate": FPS, "shape": shape, "dtype": "float32"}
    write_json(info, about)


def _origin(weights: str | Path) -> str:
    """Where the weights were published, if their record says so, else their path."""
    record = Path(weights).with_suffix(".json")
    return (read_json(record) if record.is_file() else {}).get("origin", str(weights))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        embed_speech(
            snakemake.input.audio,
            snakemake.output.features,
            snakemake.output.info,
            weights=next(iter(snakemake.input.weights), None),
            **snakemake.params,
        )
