"""Draw one pair: the face of a clip, speaking another's words (or its own), by any system."""

from pathlib import Path

from models.drawing import Pair, draw
from models.system import Clip
from toolkit.log import job_log


def sample(pair: Pair, folder: str | Path, **settings: object) -> None:
    """Write `folder/{video}--{audio}.mp4` (`models.drawing.draw`, which takes the settings); InputError where it cannot be drawn."""
    for error in draw([pair], folder, **settings).values():
        raise error


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        crop, transform, audio = (Path(snakemake.input[kind]) for kind in ("crop", "transform", "audio"))
        speech = snakemake.input.get("speech")
        sample(
            Pair(Clip(crop.stem, crop, transform), audio, speech and Path(speech)),
            Path(snakemake.output.sample).parent,
            weights={Path(path).stem: Path(path) for path in snakemake.input.get("weights", [])},
            **snakemake.params,
        )
