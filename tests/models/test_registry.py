import subprocess
import sys

import numpy as np
import pytest
import yaml

from models.registry import SYSTEMS, get_system
from toolkit.errors import InputError


def test_an_unknown_system_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="Choose from"):
        get_system("nobody")


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_keeps_the_doors_promises(name):
    chosen = get_system(name)
    options = yaml.safe_load((chosen.folder / "options.schema.yaml").read_text())
    assert options["additionalProperties"] is False
    assert callable(chosen.part("sampling").load)
    if chosen.stages:
        assert callable(chosen.part("training").task)


def test_planning_imports_nothing_heavy():
    code = "import sys; from models.registry import SYSTEMS, get_system; [get_system(n) for n in SYSTEMS]; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_held_frame_repaints_nothing():
    still = get_system("still")
    assert still.timeline(5, 3, {"reference_frame": 9}).tolist() == [4, 4, 4]
    assert not still.mask(np.zeros((68, 2)), 8, {}).any()
