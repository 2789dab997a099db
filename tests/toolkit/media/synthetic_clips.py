"""Clips whose pictures carry their own number and whose sound carries a click, at any rate, in any container."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 12
BLOCK = 16  # pixels: blocks survive any codec


def draw(number: int, height: int = 64, width: int = 96) -> np.ndarray:
    """A picture whose 12 blocks (three rows of four, from the top left) are the bits of `number`, on grey."""
    picture = np.full((height, width, 3), 110, np.uint8)
    for bit in range(BITS):
        row, column = divmod(bit, 4)
        value = 235 if number >> bit & 1 else 16
        picture[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = value
    return picture


def number_in(picture: np.ndarray) -> int:
    """The number that `draw` wrote."""
    centres = (np.arange(4) * BLOCK) + BLOCK // 2
    bits = picture[np.ix_(centres[:3], centres)].mean(axis=2).ravel() > 128
    return int((bits << np.arange(BITS)).sum())


def clicks(times: Sequence[float], seconds: float, rate: int = 48_000) -> np.ndarray:
    """(samples,) float32 silence with a 10 ms burst at each of `times`."""
    samples = np.zeros(round(seconds * rate), np.float32)
    for time in times:
        begin = round(time * rate)
        samples[begin : begin + rate // 100] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(rate // 100) / rate)
    return samples


def click_at(samples: np.ndarray, rate: int = 16_000) -> float:
    """Seconds from the start to where the sound is first loud."""
    return float(np.argmax(np.abs(samples) > 0.3) / rate)


def make_clip(
    path: Path,
    times: Sequence[float] | None,
    *,
    pictures: Sequence[np.ndarray] | None = None,
    sound: np.ndarray | None = None,
    sound_start: float = 0.0,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation: int = 0,
    aspect: Fraction | None = None,
    options: dict | None = None,
) -> Path:
    """Write a clip whose picture i (by default `draw(i)`) has time stamp `times[i]`, with sound from `sound_start` on."""
    with av.open(f"file:{path}", "w", format=None if path.suffix != ".mp4" else "mp4") as container:
        video = audio = None
        if times is not None:
            pictures = pictures if pictures is not None else [draw(number) for number in range(len(times))]
            usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.04  # what the last picture lasts
            video = container.add_stream(
                codec,
                rate=Fraction(1 / usual).limit_denominator(1001),
                options={"g": "30", "crf": "10", **(options or {})},
            )
            video.height, video.width = pictures[0].shape[:2]
            video.pix_fmt = pix_fmt
            video.time_base = video.codec_context.time_base = Fraction(1, 90_000)
            if aspect:
                video.codec_context.sample_aspect_ratio = aspect
            if rotation:
                video.set_display_rotation(rotation)
        if sound is not None:
            audio = container.add_stream("aac" if path.suffix in (".mp4", ".mkv", ".m4a") else "pcm_s16le", rate=48_000)
            audio.layout = "mono"
        if sound is not None:
            for begin in range(0, sound.size, 1024):
                frame = av.AudioFrame.from_ndarray(sound[None, begin : begin + 1024], format="fltp", layout="mono")
                frame.rate, frame.time_base = 48_000, Fraction(1, 48_000)
                frame.pts = round(sound_start * 48_000) + begin
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
        if video is not None:
            for time, picture in zip(times, pictures, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
                frame.pts, frame.time_base = round(time * 90_000), Fraction(1, 90_000)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
    return path


def even_times(rate: float | Fraction, seconds: float) -> list[float]:
    """Time stamps of a constant rate."""
    return [float(number / rate) for number in range(round(seconds * rate))]
