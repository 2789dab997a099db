"""Which way to 3D faces the workflow plans, by the files that a user has placed and by what the configuration says."""

from pathlib import Path

import pytest

from models.planning import face3d_files
from tests.running import configure, planned, snakemake, talker

FACES = "results/face3d/plain_market.npz"


@pytest.fixture
def folder(tmp_path) -> Path:
    configured(tmp_path)
    return tmp_path


def configured(folder: Path, **settings: object) -> None:
    rows = [talker("plain_market", "train"), talker("plain_planets", "test")]
    configure(folder, {"clips": "clips.tsv", "systems": ["still"], **settings}, rows)


def test_placed_files_take_the_place_of_the_learned_model(folder):
    plan = planned(folder, FACES)
    assert plan["learn_face3d_model"] == plan["reconstruct_face3d"] == 1
    for path in face3d_files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    plan = planned(folder, FACES)
    assert plan["reconstruct_face3d"] == 1
    assert "learn_face3d_model" not in plan


def test_a_licensed_model_that_is_not_there_is_named_before_anything_runs(folder):
    configured(folder, face3d={"model": "bfm"})
    output = snakemake(folder, "--dry-run", FACES)
    assert output.returncode != 0
    assert "weights/face3d/BFM_model_front.mat: there is no such file. Get" in output.stdout + output.stderr
