from collections import Counter

import pytest

from toolkit.batches import Batches, stable_batches

NAMES = [f"clip_{number}--clip_{number}" for number in range(820)]


@pytest.mark.parametrize("size", [1, 2, 7, 32, 819, 820])
def test_every_name_has_a_batch_and_no_batch_is_too_large(size):
    dealt = stable_batches(NAMES, size)
    sizes = Counter(dealt.values())
    assert list(dealt) == NAMES
    assert max(sizes.values()) <= size
    assert len(NAMES) / size <= len(sizes) <= max(1, 2.2 * len(NAMES) / size)


def test_few_names_are_one_batch():
    assert stable_batches(NAMES[:5], 5) == dict.fromkeys(NAMES[:5], 1)
    assert stable_batches([], 5) == {}


@pytest.mark.parametrize("number", range(0, 820, 60))
def test_a_name_that_comes_or_goes_changes_no_batch_but_its_own(number):
    one, rest = NAMES[number], NAMES[:number] + NAMES[number + 1 :]
    before, after = stable_batches(rest, 16), stable_batches(NAMES, 16)
    moved = {before[name] for name in rest if before[name] != after[name]}
    met = {before[name] for name in rest if after[name] == after[one]}
    assert len(moved | met) <= 1


def test_the_order_does_not_matter():
    assert stable_batches(reversed(NAMES), 16) == stable_batches(NAMES, 16)


def test_batches_are_found_by_name_and_names_by_batch():
    batches = Batches(NAMES, 16, "self-")
    for name in NAMES:
        assert name in batches.names_of(batches.batch_of(name))
    assert all(batches.batch_of(name).startswith("self-") for name in NAMES)
    assert batches.batch_of("another") == "another"
    assert batches.names_of("self-0") == []
