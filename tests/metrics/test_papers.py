import pytest

from metrics.papers import Figure, read_figures
from metrics.registry import BY_NAME
from models.registry import SYSTEMS, get_system

PAPER = """
paper: Zebra (2024)
tables:
  - table: Table 2
    data: ten clips
    kind: crossed
    note: other clips
    system: {psnr: 30.5, fid: 12}
    ground_truth: {psnr: 40}
    notes: {fid: another crop}
  - {table: Table 3, data: two clips, kind: self, note: other clips, system: {psnr: 31}}
"""


def test_figures_carry_their_system_data_and_note(tmp_path):
    path = tmp_path / "zebra/paper.yaml"
    path.parent.mkdir()
    path.write_text(PAPER)
    second, third = "ten clips; Zebra (2024), Table 2", "two clips; Zebra (2024), Table 3"
    assert read_figures([path]) == [
        Figure("zebra", "crossed", "psnr", 30.5, second, "other clips"),
        Figure("zebra", "crossed", "fid", 12, second, "another crop"),
        Figure("ground_truth", "crossed", "psnr", 40, second, "other clips"),
        Figure("zebra", "self", "psnr", 31, third, "other clips"),
    ]


# Nobody wrote a paper on the held frame; DiffTalk's tables could not be read (its specification, section 17).
WITHOUT_FIGURES = {"still", "difftalk"}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_systems_paper_is_about_metrics_that_there_are(name):
    path = get_system(name).folder / "paper.yaml"
    if name in WITHOUT_FIGURES:
        assert not path.exists()
        return
    figures = read_figures([path])
    assert {figure.system for figure in figures} == {name, "ground_truth"}
    assert {figure.metric for figure in figures} <= set(BY_NAME)
    assert all(figure.kind in ("self", "crossed") and figure.data and figure.note for figure in figures)
    assert len(set(figures)) == len(figures)


def test_figures_are_those_of_the_papers():
    """As read in the papers' tables; a slip of the finger would look like a result."""
    found = {
        (figure.system, figure.metric, figure.data.partition(",")[0].split()[0]): figure.value
        for name in SYSTEMS
        if (path := get_system(name).folder / "paper.yaml").exists()
        for figure in read_figures([path])
    }
    for key, value in {
        ("diffdub", "psnr", "HDTF"): 28.18,
        ("diffdub", "lse_c", "HDTF"): 7.10,
        ("diffdub", "m_lmd", "HDTF"): 0.95,
        ("diffused_heads", "fvd", "CREMA"): 88.61,
        ("diffused_heads", "fid", "LRW"): 3.94,
        ("diffused_heads", "ofm_published", "CREMA"): 64.30,
        ("diffused_heads", "wer", "LRW"): 0.77,
        ("ground_truth", "lse_d", "HDTF"): 6.73,
        ("ground_truth", "f_mse_published", "LRW"): 27.34,
    }.items():
        assert found[key] == value
