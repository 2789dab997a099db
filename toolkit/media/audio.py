"""Sound: 16 kHz, one channel, float32 in memory and 16-bit PCM in files."""

from pathlib import Path

import numpy as np
import soundfile

from toolkit.errors import InputError
from toolkit.files import atomic_path
from toolkit.media.container import opened
from toolkit.media.ffmpeg import run, source, target
from toolkit.timing import SAMPLE_RATE, SAMPLES_PER_FRAME, frame_count


def read_audio(path: str | Path) -> np.ndarray:
    """Samples of one of the workflow's wav files: (samples,) float32 in -1 .. 1, 16 kHz."""
    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise InputError(
            path, "this is not a readable wav file", "Delete it and let the workflow make it again"
        ) from error
    if rate != SAMPLE_RATE or samples.ndim != 1:
        remedy = "Let the workflow convert it: name it in the configuration"
        raise InputError(path, f"it holds {rate} Hz in {samples[:1].size} channel(s), not 16 kHz mono", remedy)
    return samples


def count_samples(path: str | Path) -> int:
    """How many samples one of the workflow's wav files holds, from its header."""
    return soundfile.info(path).frames


def write_audio(path: str | Path, samples: np.ndarray) -> None:
    """Write (samples,) float32 in -1 .. 1 as 16 kHz PCM16 wav, whole or not at all; louder samples are clipped."""
    with atomic_path(path) as partial:
        soundfile.write(partial, np.clip(samples, -1, 1), SAMPLE_RATE, subtype="PCM_16", format="WAV")


def extract_sound(path: str | Path, wav: str | Path, *, zero: float, frames: int | None = None) -> None:
    """Write the sound of any media file as 16 kHz mono PCM16, exactly 640 samples for each of `frames` video frames.

    zero: the moment (seconds on the file's own clock, as time stamps count it) that becomes sample 0. Sound before it
        is cut, and where the sound starts later, silence is put in front, so that it stays in step with the picture.
    frames: without it, as many whole frames as the sound after `zero` lasts (rounded).
    """
    with atomic_path(wav) as partial:
        _convert(path, partial, zero, frames)
        if frames is None:
            frames = frame_count(soundfile.info(partial).duration)
            if frames == 0:
                raise InputError(path, "its sound lasts less than one video frame (0.04 s)", "Give a longer recording")
            _convert(path, partial, zero, frames)


def _convert(path: str | Path, wav: Path, zero: float, frames: int | None) -> None:
    with opened(path) as container:
        if not container.streams.audio:
            raise InputError(path, "it has no audio track", "Give a video with sound, or name a sound file for it")
        index = container.streams.audio[0].index
        begin = (container.start_time or 0) / 1e6
    # Time stamps are kept (copyts) and counted from `zero`; the resampler starts at 0, filling or cutting, and fills
    # gaps.
    early = max(0.0, zero - begin - 1)  # a second ahead, so that the decoder is warm at `zero`
    sound = source(path, vn=None, sn=None, dn=None, **({"ss": early, "noaccurate_seek": None} if early else {}))[
        str(index)
    ]
    sound = sound.filter("asetpts", f"PTS-({zero!r})/TB").filter(
        "aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0}
    )
    if frames is not None:
        sound = sound.filter("apad").filter("atrim", end_sample=frames * SAMPLES_PER_FRAME)
    run(target(wav, sound, ac=1, ar=SAMPLE_RATE, acodec="pcm_s16le", f="wav", fflags="+bitexact"), path, "-copyts")
