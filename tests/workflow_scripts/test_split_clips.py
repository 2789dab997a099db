import csv
import json

import pytest

from toolkit.errors import InputError
from workflow_scripts.split_clips import split_clips


def row(clip: str, speaker: str = "", split: str = "") -> dict:
    return {"clip": clip, "speaker": speaker, "split": split}


@pytest.fixture
def split(tmp_path):
    """Run the real script over rows; returns train, test and the pairs' rows."""

    def run(clips: list[dict], unusable: tuple[str, ...] = (), **options):
        verdicts = []
        for entry in clips:
            verdicts.append(tmp_path / f"{entry['clip']}.json")
            verdicts[-1].write_text(json.dumps({"clip": entry["clip"], "usable": entry["clip"] not in unusable}))
        out = [tmp_path / name for name in ("train.txt", "test.txt", "pairs.tsv")]
        split_clips(verdicts, *out, clips=clips, **options)
        with out[2].open(newline="") as lines:
            pairs = list(csv.DictReader(lines, delimiter="\t"))
        return out[0].read_text().split(), out[1].read_text().split(), pairs

    return run


def test_speakers_are_kept_apart(split):
    clips = [row(f"{speaker}{n}", speaker) for speaker in "abcdefghij" for n in range(3)]
    train, test, _ = split(clips, test_share=0.3)
    assert sorted(train + test) == sorted(entry["clip"] for entry in clips)
    assert len({clip[0] for clip in test}) == 3
    assert not {clip[0] for clip in test} & {clip[0] for clip in train}


def test_clips_whose_embeddings_are_bad_are_left_out(split, tmp_path):
    wrong = [tmp_path / "heads.json", tmp_path / "others.json"]
    for path, clips in zip(wrong, (["c", "g"], ["d"]), strict=True):
        path.write_text(json.dumps(dict.fromkeys(clips, "is empty")))
    train, test, _ = split([*map(row, "abcdefgh")], unusable=("a",), speech=wrong)
    assert sorted(train + test) == ["b", "e", "f", "h"]


def test_the_seed_decides_and_nothing_else(split):
    clips = [row(f"clip{n}") for n in range(20)]
    assert split(clips, seed=1) == split(clips, seed=1)
    assert len({tuple(split(clips, seed=seed)[1]) for seed in range(8)}) > 1
    assert set(split(clips, seed=3)[1]) == set(split(clips[::-1], seed=3)[1])


def test_an_explicit_split_wins_and_takes_the_speakers_other_clips_along(split):
    clips = [row("a1", "a", "test"), row("a2", "a"), row("b1", "b", "train"), row("b2", "b"), *map(row, "cdefgh")]
    for seed in range(5):
        train, test, _ = split(clips, test_share=0.5, seed=seed)
        assert {"a1", "a2"} <= set(test)
        assert {"b1", "b2"} <= set(train)
        assert len(test) == 2 + 3


def test_a_table_that_decides_everything_is_followed(split):
    clips = [row("a", "x", "train"), row("b", "x", "test"), row("c", "", "train")]
    assert split(clips, test_share=0.9)[:2] == (["a", "c"], ["b"])


@pytest.mark.parametrize("test_share", [0.0, 0.2, 1.0])
def test_both_sides_get_a_clip(split, test_share):
    train, test, _ = split([row("a"), row("b")], test_share=test_share)
    assert len(train) == len(test) == 1
    assert train != test


def test_unusable_clips_are_left_out_everywhere(split):
    clips = [row(f"clip{n}") for n in range(6)]
    train, test, pairs = split(clips, unusable=("clip0", "clip5"), test_share=0.5)
    assert sorted(train + test) == ["clip1", "clip2", "clip3", "clip4"]
    assert {pair["video"] for pair in pairs} == set(test)


def test_one_speaker_is_split_by_clip(split, caplog):
    train, test, _ = split([row(f"clip{n}", "only") for n in range(5)])
    assert (len(train), len(test)) == (4, 1)
    assert "one speaker" in caplog.text


def test_a_single_clip_is_on_both_sides(split, caplog):
    train, test, pairs = split([row("only", "someone"), row("broken")], unusable=("broken",))
    assert (train, test) == (["only"], ["only"])
    assert pairs == [{"pair": "only--only", "video": "only", "audio": "only", "kind": "self"}]
    assert "no clip is left" in caplog.text


def test_nothing_usable_is_one_line_to_the_user(split):
    with pytest.raises(InputError, match="none of the 2 clips is usable"):
        split([row("a"), row("b")], unusable=("a", "b"))


@pytest.mark.parametrize(("crossed", "others"), [(0, 0), (1, 1), (2, 2), (9, 3)])
def test_pairs_are_each_video_with_its_own_speech_and_with_others(split, crossed, others):
    _, test, pairs = split([row(name, split="test") for name in "abcd"] + [row("t")], crossed=crossed, test_share=0)
    own = [pair for pair in pairs if pair["kind"] == "self"]
    foreign = [pair for pair in pairs if pair["kind"] == "crossed"]
    assert sorted(pair["video"] for pair in own) == sorted(test) == list("abcd")
    assert all(pair["video"] == pair["audio"] for pair in own)
    assert all(pair["video"] != pair["audio"] for pair in foreign)
    assert len({pair["pair"] for pair in pairs}) == len(pairs) == 4 * (1 + others)
    for side in ("video", "audio"):  # every clip's picture and every clip's speech equally often
        assert sorted(pair[side] for pair in foreign) == sorted("abcd" * others)
    assert all(pair["pair"] == f"{pair['video']}--{pair['audio']}" for pair in pairs)
