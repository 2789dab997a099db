"""Score a folder of generated videos against a folder of real ones, without the workflow.

    python -m metrics --reference real --generated made                  # made/{name}.mp4 against real/{name}.mp4
    python -m metrics --reference real --generated systems --output scores.csv --weights results/weights/perception

Videos belong together by their names. `--generated` may hold a folder for each system; `{video}--{audio}` is the picture of
one real video with the speech of another. Writes the table (OUTPUT, the columns of results/metrics.csv), its summary
(..._summary.csv) and everything about each score, also what was left out and why (.json).
"""

import argparse
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from metrics.folders import Folders, generated_pairs
from metrics.fvd import LEAST, MOST
from metrics.sets import set_values
from metrics.tables import metrics_table, summary_table
from metrics.weights import available_networks
from toolkit.devices import lease
from toolkit.errors import InputError
from toolkit.faces.detectors import NAMES, get_detector
from toolkit.faces.tracking import track
from toolkit.files import atomic_path, write_json, write_npz


def score_folders(
    reference: Path,
    generated: Path,
    output: Path,
    *,
    weights: Path | None = None,
    faces: str = "dlib",
    fvd_window: int | None = 16,
) -> list[dict]:
    """Write the table, its summary and the records beside it, and return the records.

    `weights` holds `{network}.safetensors` and `.json`, as in results/weights/perception; `fvd_window` is in frames, None
    takes each clip whole. Videos that cannot be used are named in the log and left out. `InputError` where none is left.
    """
    there, absent = available_networks(sorted(weights.glob("*.json")) if weights else [])
    if not reference.is_dir():
        raise InputError(reference, "there is no such folder", "Give the folder that holds the real videos")
    pairs = generated_pairs(generated, reference)
    records, features = [], []
    with TemporaryDirectory() as work, lease() if there else nullcontext():
        folders = Folders(
            reference, Path(work), partial(track, detector=get_detector(faces)), there, absent, fvd_window
        )
        with logging_redirect_tqdm(), tqdm(total=len(folders.real(pairs)) + len(pairs), unit="video") as bar:
            for number, (record, arrays) in enumerate(folders.score_all(pairs, bar.update)):
                records.append(record)
                features.append(Path(work, f"{number}.npz"))
                write_npz(features[-1], **arrays)
        if not records:
            raise InputError(
                generated, "no video in it could be scored", "Give videos of the same names as the real ones"
            )
        summary = summary_table(records, set_values(zip(records, features, strict=True)))
    for path, rows in ((output, metrics_table(records)), (output.with_name(f"{output.stem}_summary.csv"), summary)):
        with atomic_path(path) as partial_file:
            rows.to_csv(partial_file, index=False, float_format="%.6g")
    write_json(output.with_suffix(".json"), records)
    return records


def fvd_window(text: str) -> int | None:
    """A number of frames from the command line, None for `whole`."""
    if text == "whole":
        return None
    if text.isdecimal() and LEAST <= int(text) <= MOST:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is neither 'whole' nor a number of frames from {LEAST} to {MOST}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m metrics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=Path, required=True, help="folder of real videos")
    parser.add_argument(
        "--generated", type=Path, required=True, help="folder of generated videos, or of one for each system"
    )
    parser.add_argument("--output", type=Path, default=Path("metrics.csv"), help="the table (%(default)s)")
    parser.add_argument("--weights", type=Path, help="folder of converted weights of the networks that measure")
    parser.add_argument("--detector", choices=NAMES, default="dlib", help="what finds faces (%(default)s)")
    parser.add_argument(
        "--fvd-window",
        type=fvd_window,
        default=16,
        metavar="FRAMES",
        help="of FVD (%(default)s), or whole: of each clip",
    )
    arguments = parser.parse_args()
    try:
        records = score_folders(
            arguments.reference,
            arguments.generated,
            arguments.output,
            weights=arguments.weights,
            faces=arguments.detector,
            fvd_window=arguments.fvd_window,
        )
    except InputError as error:
        sys.exit(str(error))
    print(f"{len(records)} videos scored: {arguments.output}")


if __name__ == "__main__":
    main()
