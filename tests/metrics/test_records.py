"""In which order the scores of a run stand."""

from metrics.records import score_files
from toolkit.files import write_json


def test_systems_in_the_folders_order_and_pairs_in_the_tables(tmp_path):
    rows = ["pair\tvideo\taudio\tkind", "b--b\tb\tb\tself", "a.1--a.1\ta.1\ta.1\tself", "b--a.1\tb\ta.1\tcrossed"]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n")
    scores = {"still/all-3": ["b--a.1"], "still/all-2": ["a.1--a.1", "b--b"], "diffdub/all-1": ["b--b"]}
    for folder, names in scores.items():
        for name in names:
            write_json(tmp_path / folder / f"{name}.json", {})
    files = score_files([tmp_path / folder for folder in scores], tmp_path / "pairs.tsv")
    expected = ["still/all-2/b--b", "still/all-2/a.1--a.1", "still/all-3/b--a.1", "diffdub/all-1/b--b"]
    assert files == [tmp_path / f"{name}.json" for name in expected]
