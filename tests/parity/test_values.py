"""Cases that are stored as one table of values, inputs and outputs alike (`about.json`, `values.safetensors`): an adapter takes
the table and gives those values that it computes."""

from pathlib import Path

import pytest
import torch
from adapters import ADAPTERS
from harness import HOMES, WHOLE, difference
from safetensors.torch import load_file

# Not computed from the others, or no part of what is checked here.
GIVEN = {
    "face_recon/align_224": {"image", "landmarks68", "standard5"},
    "face_recon/bfm": {"coefficients"},
    "moditalker/motion_align": {
        *("angles", "detected68", "image_size_hw", "landmarks_frontal", "standard5", "translation"),
        "raster_strided",  # the clips' part
    },
    "moditalker/dataset_landmarks": {
        *("coefficients", "detected68", "image_size_hw", "standard5"),
        *("key_mean_shape", "key_id_base", "key_exp_base"),
    },
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    root = metafunc.config.getoption("parity_root")
    folders = [
        (name, folder.parent)
        for home in ([Path(root)] if root else HOMES)
        for folder in sorted(home.rglob("about.json"))
        if (name := "/".join(folder.parts[-3:-1])) in GIVEN
    ]
    metafunc.parametrize(("name", "folder"), folders, ids=[name for name, _ in folders])


def test_values(name: str, folder: Path) -> None:
    values = load_file(folder / "values.safetensors")
    expected = {key for key in values if key not in GIVEN[name] and not key.startswith("model.")}
    with torch.no_grad():
        found = ADAPTERS[name]({"name": name}, WHOLE, values)
    assert found.keys() == expected
    assert expected
    faults = {key: fault for key in expected if (fault := difference(f"{name}.{key}", found[key], values[key]))}
    assert faults == {}
