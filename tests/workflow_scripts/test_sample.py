"""Pairs sampled one after another or side by side: whole files, no pair lost by another or by a kill, none taken for another."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models import finished_samples, sampling
from models.finished_samples import sample_batch
from models.system import Clip, Picture, Request
from toolkit.errors import InputError
from toolkit.files import read_json, write_json, write_npy, write_npz
from toolkit.media.audio import write_audio
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.writer import write_video
from workflow_scripts.link_sample import link_sample
from workflow_scripts.sample import sample

SIZE = 32
LENGTHS = {"short": 3, "middle": 5, "long": 9}
BRIGHTNESS = {"short": 60, "middle": 120, "long": 180}


class InTurn:
    """Samples the clip's first frame, brighter with every picture, one request after the other."""

    def __init__(self):
        self.requests = []

    def prepare(self, request):
        if request.speech[0, 0] < 0:
            raise InputError(request.clip.name, "has no speech", "Speak up")

    def pictures(self, request, seed):
        with FrameReader(request.clip["view"]) as view:
            first = view[0]
        for number in range(request.length):
            yield Picture(first + np.uint8(seed + number))

    def sample(self, requests, seed):
        self.requests.append(len(requests))
        for number, request in enumerate(requests):
            for picture in self.pictures(request, seed):
                yield number, picture


class SideBySide(InTurn):
    """A picture of every request that still lasts, then the next of each."""

    def sample(self, requests, seed):
        self.requests.append(len(requests))
        running = {number: self.pictures(request, seed) for number, request in enumerate(requests)}
        while running:
            for number in list(running):
                picture = next(running[number], None)
                if picture is None:
                    del running[number]
                else:
                    yield number, picture


def changed(clip, **files):
    return Clip(clip.name, {**clip.files, **files})


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Three clips of one brightness each, and their sound, of which each has its own length."""
    folder = tmp_path_factory.mktemp("pairs")
    made = {}
    for name, frames in LENGTHS.items():
        write_video(folder / f"{name}.mp4", [np.full((SIZE, SIZE, 3), BRIGHTNESS[name], np.uint8)] * 4, intra=True)
        write_npz(folder / f"{name}.npz", points=np.zeros((4, 68, 2), np.float32), ok=np.ones(4, bool))
        write_audio(folder / f"{name}.wav", np.zeros(640 * frames, np.float32))
        write_npy(folder / f"{name}.npy", np.zeros((2 * frames, 80), np.float32))
        suffixes = {"view": ".mp4", "transform": ".npz", "audio": ".wav", "speech": ".npy"}
        made[name] = Clip(name, {kind: folder / f"{name}{suffix}" for kind, suffix in suffixes.items()})
    return made


@pytest.fixture
def toy(monkeypatch):
    """Make a sampler of this file that of every system."""

    def toy(sampler):
        system = SimpleNamespace(stages=(), part=lambda name: SimpleNamespace(load=lambda *settings: sampler))
        monkeypatch.setattr(sampling, "get_system", lambda name: system)

    return toy


@pytest.fixture
def draw(toy):
    """`sample_pairs` by a sampler of this file."""

    def draw(sampler, pairs, folder):
        toy(sampler)
        return sampling.sample_pairs(pairs, folder, system="toy", options={}, seed=2)

    return draw


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("sampler", [InTurn, SideBySide])
def test_every_pair_has_its_own_pictures_and_is_as_long_as_its_speech(draw, pairs, tmp_path, sampler):
    crossed = changed(pairs["long"], audio=pairs["short"]["audio"], speech=pairs["short"]["speech"])
    assert draw(sampler(), [*pairs.values(), crossed], tmp_path) == {}
    assert names(tmp_path) == ["long--long.mp4", "long--short.mp4", "middle--middle.mp4", "short--short.mp4"]
    for video, audio in (("long", "long"), ("long", "short"), ("middle", "middle"), ("short", "short")):
        frames = [frame.mean() for frame in read_frames(tmp_path / f"{video}--{audio}.mp4")]
        expected = BRIGHTNESS[video] + 2 + np.arange(LENGTHS[audio])
        assert frames == pytest.approx(expected, abs=1.5)


def test_a_single_pair_is_written_or_refused(toy, pairs, tmp_path):
    toy(InTurn())
    sample(pairs["short"], tmp_path / "made", system="toy", options={}, seed=2)
    assert names(tmp_path / "made") == ["short--short.mp4"]
    with pytest.raises(InputError, match=r"missing\.wav"):
        sample(changed(pairs["long"], audio=tmp_path / "missing.wav"), tmp_path, system="toy", options={}, seed=2)


def test_side_by_side_one_by_one_and_alone_are_the_same_bytes(draw, pairs, tmp_path):
    sampler = SideBySide()
    draw(sampler, list(pairs.values()), tmp_path / "together")
    draw(InTurn(), list(pairs.values()), tmp_path / "apart")
    draw(SideBySide(), [pairs["middle"]], tmp_path / "alone")
    assert sampler.requests == [3]
    for name in names(tmp_path / "together"):
        assert (tmp_path / "together" / name).read_bytes() == (tmp_path / "apart" / name).read_bytes()
    middle = "middle--middle.mp4"
    written = [(tmp_path / folder / middle).read_bytes() for folder in ("apart", "alone")]
    request = Request(pairs["middle"], np.load(pairs["middle"]["speech"]), LENGTHS["middle"])
    write_video(tmp_path / "plain.mp4", (picture.rgb for picture in InTurn().pictures(request, 2)), crf=4)
    assert written == [(tmp_path / "plain.mp4").read_bytes()] * 2


def test_a_finished_clip_survives_what_breaks_later_and_nothing_else_is_left(draw, pairs, tmp_path):
    class Broken(SideBySide):
        def sample(self, requests, seed):
            for made, (number, picture) in enumerate(super().sample(requests, seed)):
                if made == 11:
                    assert "short--short.mp4" in names(tmp_path)
                    raise MemoryError
                yield number, picture

    with pytest.raises(MemoryError):
        draw(Broken(), list(pairs.values()), tmp_path)
    assert names(tmp_path) == ["short--short.mp4"]
    assert len(list(read_frames(tmp_path / "short--short.mp4"))) == LENGTHS["short"]


def test_a_sampler_that_stops_early_leaves_no_short_video(draw, pairs, tmp_path):
    class Lazy(InTurn):
        def pictures(self, request, seed):
            yield from super().pictures(Request(request.clip, request.speech, request.length - 1), seed)

    with pytest.raises(RuntimeError, match="stopped before the end of middle--middle"):
        draw(Lazy(), [pairs["middle"]], tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("sampler", [InTurn, SideBySide])
def test_a_pair_that_the_sampler_refuses_does_not_lose_the_others(draw, pairs, tmp_path, sampler):
    write_npy(tmp_path / "silent.npy", np.full((10, 80), -1, np.float32))
    bad = changed(pairs["middle"], speech=tmp_path / "silent.npy")
    refused = draw(sampler(), [pairs["short"], bad, pairs["long"]], tmp_path / "made")
    assert {name: str(error) for name, error in refused.items()} == {
        "middle--middle": "middle: has no speech. Speak up"
    }
    assert names(tmp_path / "made") == ["long--long.mp4", "short--short.mp4"]


@pytest.mark.parametrize("broken", ["view", "transform", "audio", "speech", "empty"])
def test_a_pair_whose_files_are_bad_does_not_lose_the_others(draw, pairs, tmp_path, broken):
    good = pairs["middle"]
    wrong = tmp_path / f"wrong{dict(view='.mp4', transform='.npz', audio='.wav', speech='.npy').get(broken, '.wav')}"
    wrong.write_text("this is nothing\n")
    if broken == "empty":
        write_audio(wrong, np.zeros(300, np.float32))
    bad = changed(good, **{"audio" if broken == "empty" else broken: wrong})
    name = sampling.name_of(bad)
    sampler = SideBySide()
    refused = draw(sampler, [bad, pairs["short"], pairs["long"]], tmp_path / "made")
    assert list(refused) == [name]
    assert isinstance(refused[name], InputError)
    assert sampler.requests == [2]
    assert names(tmp_path / "made") == ["long--long.mp4", "short--short.mp4"]


def test_where_no_pair_can_be_drawn_no_network_is_loaded(monkeypatch, pairs, tmp_path):
    monkeypatch.setattr(sampling, "get_system", lambda name: pytest.fail("the system was asked for"))
    bad = [changed(pair, audio=tmp_path / "missing.wav") for pair in pairs.values()]
    refused = sampling.sample_pairs(bad, tmp_path, system="toy", options={}, seed=2)
    assert sorted(refused) == ["long--missing", "middle--missing", "short--missing"]


def test_one_that_the_sampler_refuses_does_not_part_the_others(draw, pairs, tmp_path):
    """Eight are prepared, and the seven that are left are sampled side by side."""
    write_npy(tmp_path / "silent.npy", np.full((10, 80), -1, np.float32))
    crossed = [
        changed(video, audio=audio["audio"], speech=audio["speech"])
        for video in pairs.values()
        for audio in pairs.values()
    ]
    crossed[5] = changed(crossed[5], speech=tmp_path / "silent.npy")
    sampler = SideBySide()
    assert list(draw(sampler, crossed[:8], tmp_path / "made")) == [sampling.name_of(crossed[5])]
    assert sampler.requests == [7]
    assert names(tmp_path / "made") == sorted(
        f"{sampling.name_of(pair)}.mp4" for pair in crossed[:8] if pair is not crossed[5]
    )


def test_landmarks_of_another_video_are_noticed(draw, pairs, tmp_path):
    write_npz(tmp_path / "other.npz", points=np.zeros((7, 68, 2), np.float32))
    bad = changed(pairs["short"], transform=tmp_path / "other.npz")
    refused = draw(InTurn(), [bad], tmp_path / "made")
    assert "another number of frames" in str(refused["short--short"])


@pytest.fixture
def own(pairs, tmp_path):
    """The pairs with files of the test's own, and weights."""
    folder = shutil.copytree(pairs["long"]["audio"].parent, tmp_path / "own")
    (folder / "net.safetensors").write_bytes(b"weights")
    return folder, [
        changed(clip, **{kind: folder / path.name for kind, path in clip.files.items()}) for clip in pairs.values()
    ]


class Killed(SideBySide):
    """Ends when the first clip, `short`, is finished and no other."""

    def sample(self, requests, seed):
        for made, (number, picture) in enumerate(super().sample(requests, seed)):
            if made == 10:
                raise KeyboardInterrupt
            yield number, picture


def drawn(toy, sampler, own, batch, **other):
    toy(sampler)
    settings = {"system": "toy", "preset": "debug", "options": {"steps": 4}, "seed": 2, **other}
    sample_batch(own[1], batch, weights={"net": own[0] / "net.safetensors"}, **settings)


def interrupted(toy, own, batch) -> Path:
    """The finished video that a killed job leaves behind, besides a half-finished one that nobody could clear away."""
    with pytest.raises(KeyboardInterrupt):
        drawn(toy, Killed(), own, batch)
    assert not batch.exists()
    making = batch.with_name(f".{batch.name}")
    (making / ".long--long.1a2b3c4d.mp4").write_bytes(b"half")
    assert [path.name for path in making.glob("[!.]*")] == ["short--short.mp4"]
    return making / "short--short.mp4"


def test_a_killed_batch_keeps_its_finished_videos(toy, own, tmp_path):
    finished = os.stat(interrupted(toy, own, tmp_path / "batch"))
    sampler = SideBySide()
    drawn(toy, sampler, own, tmp_path / "batch")
    assert sampler.requests == [2]
    assert names(tmp_path / "batch") == [
        ".fingerprints.json",
        "long--long.mp4",
        "middle--middle.mp4",
        "short--short.mp4",
    ]
    assert os.path.samestat(finished, os.stat(tmp_path / "batch/short--short.mp4"))
    assert not (tmp_path / ".batch").exists()


@pytest.mark.parametrize("changed", ["net.safetensors", "short.mp4", "short.npz", "short.wav", "short.npy"])
def test_a_finished_video_of_other_files_is_not_taken(toy, own, tmp_path, changed):
    interrupted(toy, own, tmp_path / "batch")
    (own[0] / changed).write_bytes((own[0] / changed).read_bytes() + bytes(1280))
    sampler = SideBySide()
    drawn(toy, sampler, own, tmp_path / "batch")
    assert sampler.requests == [3]


@pytest.mark.parametrize("setting", [{"options": {"steps": 5}}, {"seed": 3}, {"preset": "small"}, {"system": "other"}])
def test_a_finished_video_of_other_settings_is_not_taken(toy, own, tmp_path, setting):
    interrupted(toy, own, tmp_path / "batch")
    sampler = SideBySide()
    drawn(toy, sampler, own, tmp_path / "batch", **setting)
    assert sampler.requests == [3]


def test_pairs_that_are_dealt_anew_are_not_drawn_anew(toy, own, tmp_path):
    """As when `clips_at_once` has changed, also after a kill; another seed makes other pictures."""
    folder, three = own
    drawn(toy, SideBySide(), own, tmp_path / "self-1")
    sampler = SideBySide()
    drawn(toy, sampler, (folder, three[:1]), tmp_path / "self-2")
    drawn(toy, sampler, (folder, three[1:]), tmp_path / "self-3")
    assert sampler.requests == []
    assert (tmp_path / "self-2/short--short.mp4").samefile(tmp_path / "self-1/short--short.mp4")
    assert names(tmp_path / "self-3") == [".fingerprints.json", "long--long.mp4", "middle--middle.mp4"]
    with pytest.raises(KeyboardInterrupt):
        drawn(toy, Killed(), own, tmp_path / "self-1b", seed=3)
    drawn(toy, sampler, own, tmp_path / "self-4", seed=3)
    assert sampler.requests == [2]
    assert (tmp_path / "self-4/short--short.mp4").samefile(tmp_path / ".self-1b/short--short.mp4")


def test_batches_that_other_jobs_move_are_no_hindrance(toy, own, tmp_path, monkeypatch):
    """A record, and a video, that are there when they are looked for and gone when they are wanted."""
    drawn(toy, SideBySide(), own, tmp_path / "self-1")
    (tmp_path / "self-1/middle--middle.mp4").unlink()
    drawn(toy, SideBySide(), own, tmp_path / "self-2", seed=3)

    def read(path):
        if path.parent.name == "self-2":
            raise FileNotFoundError(path)
        return read_json(path)

    monkeypatch.setattr(finished_samples, "read_json", read)
    sampler = SideBySide()
    drawn(toy, sampler, own, tmp_path / "self-3")
    assert sampler.requests == [1]
    assert names(tmp_path / "self-3") == [
        ".fingerprints.json",
        "long--long.mp4",
        "middle--middle.mp4",
        "short--short.mp4",
    ]


def test_why_a_pair_cannot_be_drawn_stands_beside_the_others(toy, own, tmp_path):
    write_npy(own[0] / "middle.npy", np.full((10, 80), -1, np.float32))
    drawn(toy, SideBySide(), own, tmp_path / "batch")
    with pytest.raises(InputError, match=r"^middle: has no speech\. Speak up$"):
        link_sample(tmp_path / "batch", tmp_path / "samples/middle--middle.mp4")
    link_sample(tmp_path / "batch", tmp_path / "samples/long--long.mp4")


def test_a_sample_is_taken_out_of_its_batch(draw, pairs, tmp_path):
    draw(SideBySide(), list(pairs.values()), tmp_path / "batch")
    taken = tmp_path / "samples" / "long--long.mp4"
    link_sample(tmp_path / "batch", taken)
    assert taken.samefile(tmp_path / "batch/long--long.mp4")
    write_json(tmp_path / "batch/bad--bad.json", {"subject": "bad", "problem": "has no speech", "remedy": "Speak up"})
    with pytest.raises(InputError, match=r"^bad: has no speech\. Speak up$"):
        link_sample(tmp_path / "batch", tmp_path / "samples" / "bad--bad.mp4")
    assert names(tmp_path / "samples") == ["long--long.mp4"]


def test_where_links_are_not_possible_a_sample_is_copied(monkeypatch, tmp_path):
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch/a--b.mp4").write_bytes(b"video")

    def refuse(*paths):
        raise OSError

    monkeypatch.setattr("os.link", refuse)
    link_sample(tmp_path / "batch", tmp_path / "a--b.mp4")
    assert (tmp_path / "a--b.mp4").read_bytes() == b"video"
    assert not (tmp_path / "a--b.mp4").samefile(tmp_path / "batch/a--b.mp4")
