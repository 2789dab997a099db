"""Mel spectrum and cepstra: speech features by signal processing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from toolkit.speech import Recording, log_mel_blocks, mfcc_blocks

_FRONT_ENDS = {"mel": log_mel_blocks, "mfcc": mfcc_blocks}


def extract(samples: Recording, entry: dict, source: Path | None) -> Iterator[np.ndarray]:
    """Rows (n, 80) of the mel spectrum, or (n, 39) of cepstra with their slopes and curvatures, 50 a second."""
    return _FRONT_ENDS[entry["kind"]](samples)
