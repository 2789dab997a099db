"""What DeepSpeech 0.1.0 takes of sound: 26 cepstra 50 times a second, each step with 9 before and 9 after it, all whitened
by one mean and one deviation of the whole recording (specification of DeepSpeech features, sections 5.3 and
5.4).

A recording of T video frames (640 samples each) has 2T steps. Blocks of it are the whole one's rows: its mean and
deviation come first, in a pass of their own, so an hour takes no more memory than a minute.
"""

import math

import numpy as np

from toolkit.speech import BLOCK, HOP, Samples
from toolkit.timing import SAMPLE_RATE

CEPSTRA = 26
CONTEXT = 9  # steps on either side of a step
WIDTH = CEPSTRA * (2 * CONTEXT + 1)
_FFT = 512  # samples, at every rate: release 0.6 cuts longer frames
_FRAME, _SHIFT = 0.025, 0.010  # seconds


def pcm(samples: np.ndarray) -> np.ndarray:
    """The 16-bit samples of sound in [-1, 1]."""
    return np.clip(np.rint(np.asarray(samples, np.float64) * 32768), -32768, 32767).astype(np.int16)


def cepstra(signal: np.ndarray, rate: int) -> np.ndarray:
    """(n,) int16 at `rate` Hz to cepstra 100 times a second: (rows, 26) float64, ln(energy) in the first place."""
    from python_speech_features import mfcc  # what reads a frozen graph runs where there is none

    # Of frames longer than its FFT (550 samples at 22 kHz) it takes the first 512 samples, with a warning for each
    # recording by a call that Python 3.13 no longer has: it gets no longer ones, and the rows of the longer ones are kept.
    frame = min(_half_up(_FRAME * rate), _FFT)
    return mfcc(signal, rate, frame / rate, _SHIFT, CEPSTRA, nfft=_FFT)[: _row_count(len(signal), rate)]


def _half_up(number: float) -> int:
    return math.floor(number + 0.5)


def _row_count(samples: int, rate: int) -> int:
    """Rows of cepstra of so many samples; a started frame counts."""
    return 1 + max(math.ceil((samples - _half_up(_FRAME * rate)) / _half_up(_SHIFT * rate)), 0)


def step_count(samples: int) -> int:
    """Steps of a recording of so many samples at 16 kHz."""
    return -(-_row_count(samples, SAMPLE_RATE) // 2)


def _steps(samples: Samples, first: int, last: int) -> np.ndarray:
    """Cepstra of steps first..last-1 of a recording: (last - first, 26)."""
    start = max(first - 1, 0)  # what precedes a sample is part of it: the block's first row knows nothing of that
    # The last step's frame may go beyond the end, where the library fills it with zeros.
    signal = pcm(samples[start * HOP : (last - 1) * HOP + _half_up(_FRAME * SAMPLE_RATE)])
    return cepstra(signal, SAMPLE_RATE)[::2][first - start :][: last - first]


def _contexts(steps: np.ndarray) -> np.ndarray:
    """(n + 18, 26) to the 19 steps around each of the n inner ones, in the order of time: (n, 494)."""
    around = np.lib.stride_tricks.sliding_window_view(steps, 2 * CONTEXT + 1, axis=0)
    return around.transpose(0, 2, 1).reshape(-1, WIDTH)


def input_vectors(rows: np.ndarray) -> np.ndarray:
    """Cepstra of a whole recording, (n, 26), to what the network takes: (ceil(n / 2), 494) float64."""
    vectors = _contexts(np.pad(rows[::2], ((CONTEXT, CONTEXT), (0, 0))))
    return (vectors - vectors.mean()) / vectors.std()


def whitening(samples: Samples) -> tuple[float, float]:
    """Mean and deviation of all values that the network takes of a recording, zeros beyond its ends among them."""
    count = step_count(len(samples))
    total = squares = 0.0
    for first in range(0, count, BLOCK):
        steps = _steps(samples, first, min(first + BLOCK, count))
        place = np.arange(first, first + len(steps))
        seen = np.minimum(place, CONTEXT) + 1 + np.minimum(count - 1 - place, CONTEXT)  # in so many contexts
        total += seen @ steps.sum(axis=1)
        squares += seen @ (steps**2).sum(axis=1)
    mean = total / (count * WIDTH)
    return float(mean), math.sqrt(squares / (count * WIDTH) - mean**2)


def network_input(samples: Samples, first: int, last: int, mean: float, deviation: float) -> np.ndarray:
    """What the network takes at steps first..last-1 of a recording: (last - first, 494) float32."""
    start, stop = max(first - CONTEXT, 0), min(last + CONTEXT, step_count(len(samples)))
    steps = _steps(samples, start, stop)
    steps = np.pad(steps, ((start - first + CONTEXT, last + CONTEXT - stop), (0, 0)))
    return ((_contexts(steps) - mean) / deviation).astype(np.float32)
