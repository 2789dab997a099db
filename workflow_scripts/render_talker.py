"""Render one synthetic talker: a portrait that speaks a recorded sentence, and the truth about it.

What the demo and the learning check measure against is known here exactly: how far the mouth opens in every frame, when
the eyes blink, how the head moves, and that sound and picture are in step.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from toolkit.faces.geometry import mouth_opening
from toolkit.files import read_json, write_json
from toolkit.log import job_log, logger
from toolkit.media.audio import read_audio, write_audio
from toolkit.media.container import SYNTHETIC
from toolkit.media.mux import mux
from toolkit.media.writer import write_video
from toolkit.synthetic.motion import at_frames, talker_motion
from toolkit.synthetic.picture import talker
from toolkit.timing import FPS, SAMPLES_PER_FRAME


def render_talker(
    speech: str | Path, track: str | Path, video: str | Path, truth: str | Path, *, clip: str, look: str, seed: int
) -> None:
    """Write the talker's video (H.264 and AAC) and its truth (JSON).

    speech, track: a recording of `demo/speech` and the mouth track beside it.
    look: a name of `toolkit.synthetic.looks.LOOKS`; it is also the speaker's.
    seed: of blinks and head movements.
    """
    samples, mouth = read_audio(speech), read_json(track)
    frames = len(samples) // SAMPLES_PER_FRAME
    opening, roundness = (at_frames(mouth[name], mouth["rate"], frames) for name in ("opening", "roundness"))
    motion = talker_motion(opening, roundness, seed)
    actor = talker(look)
    with TemporaryDirectory() as folder:
        silent, sound = Path(folder, "silent.mp4"), Path(folder, "sound.wav")
        write_video(silent, actor.frames(motion))
        write_audio(sound, samples)
        mux(silent, sound, video, title=clip, comment=f"{SYNTHETIC}: a talker of the Talkflow demo")
    content = {
        "clip": clip,
        "speaker": look,
        "sentence": mouth["sentence"],
        "fps": FPS,
        "frames": frames,
        "mouth_opening": rounded(mouth_opening(actor.landmarks(motion))),
        "blinks": [{"start": start, "end": end} for start, end in motion.blinks],
        "head": {"x": rounded(motion.x), "y": rounded(motion.y), "roll": rounded(motion.roll)},
        "av_offset": 0.0,
    }
    write_json(truth, content)
    logger.info("%s: %d frames, %d blinks", clip, frames, len(motion.blinks))


def rounded(values: np.ndarray) -> list[float]:
    """Values (T,) as a list that is pleasant to read."""
    return [round(float(value), 4) for value in values]


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        render_talker(
            snakemake.input.speech,
            snakemake.input.track,
            snakemake.output.video,
            snakemake.output.truth,
            **snakemake.params,
        )
