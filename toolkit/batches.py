"""Batches that stay as they are when something is added: names are put into batches by their hashes, like leaves of a binary tree."""

import hashlib
from collections.abc import Iterable


def stable_batches(names: Iterable[str], size: int) -> dict[str, int]:
    """The batch of each (distinct) name; no batch holds more than `size`, most hold more than half of that.

    A batch that would be too large falls in two by the next bit of its names' hashes, so a name that comes or goes
    changes no batch but its own. Batches are numbered like the nodes of a heap: 1 holds all, and falls into 2 and 3.
    """
    names = list(names)
    hashes = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()) for name in names}
    batches, leaves = [(1, names)], {}
    while batches:
        number, members = batches.pop()
        if len(members) <= size:
            leaves |= dict.fromkeys(members, number)
            continue
        bit = number.bit_length() - 1
        for side in (0, 1):
            batches.append((2 * number + side, [name for name in members if hashes[name] >> bit & 1 == side]))
    return {name: leaves[name] for name in names}


class Batches:
    """Stable batches of names, each called `prefix` and a number; a name that is in none is a batch of its own."""

    def __init__(self, names: Iterable[str], size: int, prefix: str) -> None:
        self._batches = {name: f"{prefix}{number}" for name, number in stable_batches(names, size).items()}
        self._names: dict[str, list[str]] = {}
        for name, batch in self._batches.items():
            self._names.setdefault(batch, []).append(name)

    @property
    def batches(self) -> list[str]:
        """Every batch."""
        return list(self._names)

    def batch_of(self, name: str) -> str:
        """The batch of a name."""
        return self._batches.get(name, name)

    def names_of(self, batch: str) -> list[str]:
        """The names in a batch; none where there is no such batch."""
        return self._names.get(batch, [])
