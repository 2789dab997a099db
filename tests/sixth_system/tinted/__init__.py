"""A system for tests: it paints the colour that it has learnt for the clip's light and speech, in a bar that moves on."""

import numpy as np

from models.system import System


def timeline(source_frames: int, length: int, options: dict) -> np.ndarray:
    """(length,) the video's own frames, again from its beginning where speech is longer."""
    return np.arange(length) % source_frames


SYSTEM = System(package="models.tinted", stages=("base", "tone"), timeline=timeline, inputs=("light",))
