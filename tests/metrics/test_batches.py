"""What streams by arrives whole, in order, and in stacks."""

import numpy as np
import pytest

from metrics.batches import Batches


def numbered(count):
    return [np.full((2, 3, 3), number, np.uint8) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_every_picture_once(count):
    seen = []
    batches = Batches(lambda one, other: seen.append((one[:, 0, 0, 0], other[:, 0, 0, 0])), size=4)
    for picture in numbered(count):
        batches.add(picture, picture + 100)
    batches.finish()
    assert [n for one, _ in seen for n in one] == list(range(count))
    assert all((other == one + 100).all() for one, other in seen)
    assert [len(one) for one, _ in seen] == [4] * (count // 4) + [count % 4] * (count % 4 > 0)


@pytest.mark.parametrize("count", [2, 3, 5, 8, 9, 20])
def test_windows_of_three_once_each_with_an_overlap_of_two(count):
    windows = []
    batches = Batches(lambda frames: windows.extend(frames[: len(frames) - 2, 0, 0, 0]), size=5, overlap=2)
    for picture in numbered(count):
        batches.add(picture)
    batches.finish()
    batches.finish()
    assert windows == list(range(count - 2))
