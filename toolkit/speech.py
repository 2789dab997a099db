"""Speech front-ends that need no network: log-mel spectrum and MFCC, at 50 frames a second.

Feature frame f is centred on sample 320 f, so video frame i, which is shown from sample 640 i on, is centred on feature
frame 2 i, and T video frames have exactly 2T feature frames (section 3.3 of the specification of HuBERT features).

What reads and filters sound is imported where it does (networks of speech import this module on machines without it).
Everything works in blocks of a fixed length and reads only the samples that a block needs, so an hour takes no more
memory than a minute. Of librosa only the filter bank is used: its `stft` and `mfcc` compile for 20 s on first use.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from toolkit.errors import InputError
from toolkit.timing import SAMPLE_RATE, SAMPLES_PER_FRAME

HOP = SAMPLES_PER_FRAME // 2
WINDOW = SAMPLES_PER_FRAME  # 40 ms, one video frame: Hann, so half of it counts
MELS = 80
CEPSTRA = 13
SLOPE_REACH = 4  # frames on either side that a slope is fitted to
FLOOR = 1e-5  # mel amplitude of silence, -100 dB
BLOCK = 1500  # feature frames worked on at once, 30 s


class Recording:
    """A wav file as a sliceable array of float32 samples, read where it is sliced.

    Mono 16 kHz as `results/audio` holds it; anything else is an InputError.
    """

    def __init__(self, path: str | Path) -> None:
        import soundfile

        self.path = Path(path)
        try:
            info = soundfile.info(str(path))
        except soundfile.LibsndfileError as error:
            raise InputError(path, f"not a readable audio file ({error})", "Give a wav file") from None
        if (info.samplerate, info.channels) != (SAMPLE_RATE, 1):
            problem = f"{info.channels} channels at {info.samplerate} Hz instead of one at {SAMPLE_RATE} Hz"
            raise InputError(path, problem, "Use the wav that the workflow extracts (results/audio)")
        self._length = info.frames

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> np.ndarray:
        import soundfile

        start, stop, _ = part.indices(self._length)
        return soundfile.read(str(self.path), start=start, frames=max(stop - start, 0), dtype="float32")[0]


Samples = np.ndarray | Recording


def video_frames(samples: Samples) -> int:
    """Video frames that the samples last; a started frame counts."""
    return -(-len(samples) // SAMPLES_PER_FRAME)


def read_padded(samples: Samples, start: int, stop: int) -> np.ndarray:
    """samples[start:stop] with zeros before the first and after the last sample: (stop - start,) float32."""
    part = np.asarray(samples[max(start, 0) : max(stop, 0)], dtype=np.float32)
    before = min(max(-start, 0), stop - start)
    return np.pad(part, (before, stop - start - before - len(part)))


@cache
def _mel_filters() -> np.ndarray:
    import librosa

    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=MELS)


def _log_mel(samples: Samples, first: int, last: int) -> np.ndarray:
    """Log-mel frames first..last-1 of the clip."""
    import scipy.fft

    piece = read_padded(samples, first * HOP - WINDOW // 2, (last - 1) * HOP + WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::HOP]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    spectrum = np.abs(scipy.fft.rfft(windows * hann, axis=1))
    # -5..2 in powers of ten becomes about -1..1, with speech near 0
    return (np.log10(np.maximum(spectrum @ _mel_filters().T, FLOOR)) + 2) / 3


def _mfcc(samples: Samples, first: int, last: int) -> np.ndarray:
    """Cepstra and their slopes and curvatures; beyond the clip's ends its first and last frame are repeated."""
    import scipy.fft

    reach = 2 * SLOPE_REACH  # a slope of slopes
    end = 2 * video_frames(samples)
    start, stop = max(first - reach, 0), min(last + reach, end)
    cepstra = scipy.fft.dct(_log_mel(samples, start, stop), norm="ortho", axis=1)[:, :CEPSTRA]
    cepstra = np.pad(cepstra, ((start - first + reach, last + reach - stop), (0, 0)), mode="edge")
    slope = _slope(cepstra)
    return np.concatenate((cepstra[reach:-reach], slope[SLOPE_REACH:-SLOPE_REACH], _slope(slope)), axis=1)


def _slope(frames: np.ndarray) -> np.ndarray:
    """Least-squares slope per frame over 2 SLOPE_REACH + 1 frames: (n, d) -> (n - 2 SLOPE_REACH, d)."""
    step = np.arange(-SLOPE_REACH, SLOPE_REACH + 1, dtype=np.float32)
    around = np.lib.stride_tricks.sliding_window_view(frames, len(step), axis=0)
    return around @ (step / (step @ step))


def _blocks(front_end: Callable[[Samples, int, int], np.ndarray], samples: Samples) -> Iterator[np.ndarray]:
    end = 2 * video_frames(samples)
    for first in range(0, end, BLOCK):
        yield front_end(samples, first, min(first + BLOCK, end)).astype(np.float32)


def log_mel_blocks(samples: Samples) -> Iterator[np.ndarray]:
    """`log_mel` block by block, in order, in constant memory."""
    return _blocks(_log_mel, samples)


def mfcc_blocks(samples: Samples) -> Iterator[np.ndarray]:
    """`mfcc` block by block, in order, in constant memory."""
    return _blocks(_mfcc, samples)


def log_mel(samples: Samples) -> np.ndarray:
    """Log-mel spectrum: (2T, 80) float32 at 50 Hz for T = ceil(samples / 640) video frames.

    samples: mono 16 kHz float in [-1, 1]. Slaney's mel bands up to 8 kHz over 40 ms Hann windows, amplitude in powers
    of ten, shifted and scaled to about -1 (silence) .. 1.
    """
    return np.concatenate([np.zeros((0, MELS), np.float32), *log_mel_blocks(samples)])


def mfcc(samples: Samples) -> np.ndarray:
    """Mel cepstra: (2T, 39) float32 at 50 Hz for T = ceil(samples / 640) video frames.

    13 coefficients of the orthonormal cosine transform of `log_mel`, then their slopes over 9 frames, then the slopes'
    slopes.
    """
    return np.concatenate([np.zeros((0, 3 * CEPSTRA), np.float32), *mfcc_blocks(samples)])
