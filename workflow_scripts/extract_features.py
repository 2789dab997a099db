"""Speech features by an entry of the configuration: signal processing, a network's hidden states, or the user's own files.

Two rows (50 a second) or one (25) belong to each video frame, the first axis is time. The array is written block by block,
so that an hour of speech takes no more memory than a minute.
"""

from contextlib import nullcontext
from pathlib import Path

from models.speech.registry import KINDS, rate_of
from toolkit import devices
from toolkit.errors import InputError
from toolkit.files import read_json, write_blocks, write_json
from toolkit.log import job_log
from toolkit.speech import Recording, video_frames
from toolkit.timing import FPS, SAMPLES_PER_FRAME


def extract_features(
    audio: str | Path, features: str | Path, info: str | Path, *, entry: dict, source: str | Path | None = None
) -> None:
    """Write `features` (.npy (T * rows a frame, ...)) and `info` (.json: the entry, rate, shape, dtype and, where there is a
    `source`, its origin) of a clip of T video frames.

    entry: of `speech:` in the configuration; source: the file of the encoder's weights, or of the user's own features.
    Raises InputError where the sound holds no video frame, and where the source cannot be used.
    """
    samples, kind = Recording(audio), KINDS[entry["kind"]]
    if len(samples) < SAMPLES_PER_FRAME:
        raise InputError(audio, "its sound lasts less than one video frame (0.04 s)", "Give a longer recording")
    rate, dtype = rate_of(entry), entry.get("dtype", "float32")
    with devices.lease() if kind.is_network else nullcontext():
        blocks = kind.module.extract(samples, entry, Path(source) if source else None)
        shape = write_blocks(features, blocks, video_frames(samples) * rate // FPS, dtype)
    origin = {"origin": _origin(Path(source))} if source else {}
    write_json(info, {**entry, **origin, "rate": rate, "shape": shape, "dtype": dtype})


def _origin(source: Path) -> str:
    """Where weights were published, if their record says so, else the file."""
    record = source.with_suffix(".json")
    return (read_json(record) if record.is_file() else {}).get("origin", str(source))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        extract_features(
            snakemake.input.audio,
            snakemake.output.features,
            snakemake.output.info,
            source=next(iter(snakemake.input.source), None),
            **snakemake.params,
        )
