"""check_supplied_speech: what is wrong with the user's own speech features is known before anything needs them."""

import numpy as np
import pytest

from toolkit.files import read_json, write_json
from workflow_scripts.check_supplied_speech import check_supplied_speech


@pytest.fixture
def check(tmp_path):
    """Judge the embeddings of clips of 4 s, of which `spans` are cut and `uncounted` say nothing of their pictures."""

    def check(clips, spans=(), unusable=(), uncounted=()):
        for clip in clips:
            media = {"duration": 4.0, "frames": None if clip in uncounted else 120}
            write_json(tmp_path / f"{clip}.json", {"clip": clip, "usable": clip not in unusable, "media": media})
        verdicts = [tmp_path / f"{clip}.json" for clip in clips]
        spans = dict.fromkeys(clips, (None, None)) | dict(spans)
        check_supplied_speech(verdicts, tmp_path / "wrong.json", folder=tmp_path, rate=25, spans=spans)
        return read_json(tmp_path / "wrong.json")

    return check


def save(folder, clip, rows, width=6):
    np.save(folder / f"{clip}.npy", np.ones((rows, width), np.float32))


def test_each_is_named_with_what_is_wrong(check, tmp_path, caplog):
    for clip, rows in {"good": 100, "short": 60, "empty": 0, "twice": 200, "hole": 100}.items():
        save(tmp_path, clip, rows)
    np.save(tmp_path / "flat.npy", np.ones(100, np.float32))
    np.save(tmp_path / "hole.npy", np.full((100, 6), np.nan, np.float32))
    (tmp_path / "text.pth").write_text("none")
    wrong = check(["good", "short", "empty", "twice", "hole", "flat", "text", "missing"])
    expected = {
        "short": "short.npy: has 60 rows, where the clip has 100 video frames",
        "empty": "empty.npy: has 0 rows",
        "twice": "twice.npy: has 200 rows",
        "hole": "hole.npy: holds numbers that are not finite",
        "flat": "flat.npy: holds float32 numbers of shape (100,)",
        "text": "text.pth: cannot be read",
        "missing": "holds none of missing.npy",
    }
    assert wrong.keys() == expected.keys()
    for clip, problem in expected.items():
        text = "{problem}. {remedy}".format(**wrong[clip])
        assert problem in text
        assert "\n" not in text
        assert text in caplog.text


def test_nothing_is_asked_of_clips_that_cannot_be_used_anyway(check, tmp_path):
    save(tmp_path, "good", 98)
    assert check(["good", "bad"], unusable=["bad"]) == {}


@pytest.mark.parametrize(("span", "rows"), [((1.0, None), 75), ((None, 3.0), 75), ((1.0, 3.0), 50)])
def test_a_cut_clip_needs_as_many_rows_as_it_has_frames(check, tmp_path, span, rows):
    save(tmp_path, "a", rows)
    assert check(["a"], spans={"a": span}) == {}
    save(tmp_path, "a", rows - 6)
    assert (
        f"has {rows - 6} rows, where the clip has {rows} video frames"
        in check(["a"], spans={"a": span})["a"]["problem"]
    )


def test_how_many_rows_are_needed_is_left_open_where_a_file_does_not_tell(check, tmp_path):
    save(tmp_path, "a", 30)
    assert check(["a"], uncounted=["a"]) == {}
    assert "has 30 rows" in check(["a"], spans={"a": (None, 4.0)}, uncounted=["a"])["a"]["problem"]
    save(tmp_path, "a", 0)
    assert "has 0 rows" in check(["a"], uncounted=["a"])["a"]["problem"]
