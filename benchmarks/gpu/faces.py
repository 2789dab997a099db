"""Part d: DiffDub trained for a given time, on six real speakers and on synthetic talkers, and what it makes of strangers.

The seventh speaker is repainted from the lip latents of their frames and one other frame: what the renderer has learned of
lips, whatever the speech (a minute of video cannot teach that). The talkers' held-out sentences go through both networks.
Written: a sheet (benchmarks/gpu/sheet.py) and a picture of each; `measure` finds the mouths in them on a CPU.
"""

from itertools import islice
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.gpu.learning import Trained, trained
from benchmarks.gpu.prepared import Prepared, speech_of
from benchmarks.gpu.sheet import Repainted, write_sheet
from benchmarks.gpu.table import Table
from models.diffdub.encoding import clip_latents, encode, load_renderer
from models.diffdub.presets import PRESETS
from models.diffdub.renderer import Renderer
from models.diffdub.rendering import render, to_pixels
from models.diffdub.sampling import load
from models.diffdub.window import WINDOWS, resize_frame, scale_landmarks
from models.diffusion import noise_for
from models.system import Clip, Request
from toolkit.faces.crop import Square
from toolkit.faces.paste import paste
from toolkit.media.frames import read_frames

BATCH = 32
SPEAKERS, TALKERS, SEQUENCE = 0.4, 0.6, 0.5
"""What each training takes of the seconds that the part has left; the rest goes to what is made with it."""
LEAST = 0.3
"""Of the part's seconds, that must be left for the talkers."""
SMALLER = {"batch_size": 2}  # of the recipe, where sizes are tiny


def faces(table: Table, prepared: Prepared, tiny: bool) -> None:
    """Both trainings, one after the other."""
    preset, options = ("debug", SMALLER) if tiny else ("small", {})
    # A test lets both run, however slow its machine is, where there is any time at all.
    needed = -inf if tiny and table.has_time() else LEAST * table.left
    for what, run in (("six speakers", _seventh), ("talkers", _talkers)):
        if not table.has_time(needed):
            table.note(f"d: {what}: no time left")
            continue
        with TemporaryDirectory() as folder:
            run(table, prepared, preset, options, Path(folder))


def _seventh(table: Table, prepared: Prepared, preset: str, options: dict, folder: Path) -> None:
    clips = prepared.clips("speakers")
    [clip] = prepared.clips("speaker held out")
    learned = trained("renderer", preset, clips, SPEAKERS * table.left, folder, options)
    _row(table, "renderer, six speakers", preset, learned)
    network = load_renderer(learned.weights, preset, _device())
    size = PRESETS["renderer"][preset].size
    latents, other_latents = (clip_latents(network, size, seen) for seen in (clip, clips[0]))
    truth = _truth(clip, size, len(latents))
    around = np.arange(len(latents)) % len(other_latents)
    made, crossed = (repaint(network, clip, preset, lips) for lips in (latents, other_latents[around]))
    _window(table, "the seventh, repainted", clip, preset, truth, made)
    _window(table, "the seventh, its first frame held", clip, preset, truth, truth[:1].repeat(len(truth), axis=0))
    write_sheet(table.folder, "seventh", [Repainted(clip.name, truth, made, crossed)])


def _talkers(table: Table, prepared: Prepared, preset: str, options: dict, folder: Path) -> None:
    clips, size = prepared.clips("talkers"), PRESETS["renderer"][preset].size
    renderer = trained("renderer", preset, clips, TALKERS * table.left, folder, options)
    _row(table, "renderer, talkers", preset, renderer)
    weights = {"renderer": renderer.weights}
    clips = [_with_latents(clip, weights, preset, folder) for clip in clips]
    sequence = trained("sequence", preset, clips, SEQUENCE * table.left, folder, options)
    _row(table, "sequence generator, talkers", preset, sequence)
    precision = "bfloat16" if _device().type == "cuda" else "float32"
    sampling = prepared.options("diffdub") | {"batch_size": BATCH, "precision": precision, "steps": None}
    sampler = load({**weights, "sequence": sequence.weights}, preset, sampling, _device())
    sheet = []
    held_out = prepared.clips("talkers held out")
    for clip, other in zip(held_out, [*held_out[1:], held_out[0]], strict=True):
        length = min(len(clip.points), len(other.points))
        requests = [Request(clip, speech_of(speaker)[: 2 * length], length) for speaker in (clip, other)]
        pictures: tuple[list, list] = [], []
        for number, picture in sampler.sample(requests, 0):
            pictures[number].append(picture.rgb)
        truth = _truth(clip, size, length)
        sheet.append(Repainted(clip.name, truth, *map(np.stack, pictures)))
        _window(table, f"talker {clip.name}, dubbed", clip, preset, truth, sheet[-1].made)
    write_sheet(table.folder, "talkers", sheet)


def repaint(network: Renderer, clip: Clip, preset: str, lips: torch.Tensor) -> np.ndarray:
    """The clip's frames (T, size, size, 3) with mouths that latents `lips` (T, latent) say."""
    chosen = PRESETS["renderer"][preset]
    noise = noise_for(0, clip.name, 0, (1, 3, chosen.size, chosen.size))
    frames, points, window = list(read_frames(clip["view"])), clip.points, WINDOWS[chosen.window]
    made = []
    for start in range(0, len(frames), BATCH):
        part = slice(start, start + BATCH)
        images = render(
            network,
            frames[part],
            points[part],
            frames[:1],
            lips[part],
            noise,
            chosen.sampling_schedule(),
            chosen.size,
            prediction=chosen.prediction,
            keep=window.keep,
        )
        for frame, marks, picture in zip(frames[part], points[part], to_pixels(images), strict=True):
            weight = window.feather(scale_landmarks(marks, len(frame), chosen.size), chosen.size)
            # Outside the window is the network's guess of the frame: as in the sampler, the frame itself stays there.
            made.append(paste(resize_frame(frame, chosen.size), picture, Square(0, 0, chosen.size), weight))
    return np.stack(made)


def psnr(pictures: np.ndarray, truth: np.ndarray, painted: np.ndarray) -> float:
    """PSNR over the painted pixels (T, size, size)."""
    error = ((pictures.astype(float) - truth) ** 2)[painted].mean()
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _truth(clip: Clip, size: int, length: int) -> np.ndarray:
    return np.stack([resize_frame(frame, size) for frame in islice(read_frames(clip["view"]), length)])


def _window(table: Table, what: str, clip: Clip, preset: str, truth: np.ndarray, made: np.ndarray) -> None:
    """PSNR in what the renderer paints."""
    chosen = PRESETS["renderer"][preset]
    marks = [scale_landmarks(mark, clip.size, chosen.size) for mark in clip.points[: len(truth)]]
    painted = np.stack([WINDOWS[chosen.window].keep(mark, chosen.size) == 0 for mark in marks])
    table.add("d", "diffdub", what, preset, psnr(made, truth, painted), "dB in the window")


def _with_latents(clip: Clip, weights: dict[str, Path], preset: str, folder: Path) -> Clip:
    path = folder / f"{clip.name}.safetensors"
    save_file(encode(weights, preset, clip, _device()), path)
    return Clip(clip.name, {**clip.files, "latents": path})


def _row(table: Table, what: str, preset: str, learned: Trained) -> None:
    table.add("d", "diffdub", what, preset, learned.steps, "steps")
    table.add("d", "diffdub", what, preset, learned.seconds, "seconds of training")
