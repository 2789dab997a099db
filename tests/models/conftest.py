"""What the tests of the systems share."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from models.system import Clip
from tests.small_clips import small_clip


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Clip]:
    """make_clip(name, frames, ...) -> a small clip in the test's own folder."""
    return partial(small_clip, tmp_path)
