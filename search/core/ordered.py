"""A sorted sequence whose operations stay cheap however long it grows.

``insort`` into one long list moves half of it each time: 50 µs at 100,000 values. Here they are in
blocks of bounded length, and a Fenwick tree counts those before each block (Fenwick, "A New Data
Structure for Cumulative Frequency Tables", Software: Practice and Experience 24, 1994).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

Standing = tuple[float, int]  # (score, -number): more is better, the older one among equals

BLOCK = 256  # a block of twice that many is split


class Ordered:
    """Distinct standings, ascending. All but iterating costs O(log n), amortised."""

    def __init__(self, values: Iterable[Standing] = ()) -> None:
        self._blocks: list[list[Standing]] = []
        self._lasts: list[Standing] = []  # of each block
        self._tree: list[int] = [0]  # of the blocks' lengths; its first index is unused
        self._size = 0
        for value in values:
            self.add(value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Standing]:
        for block in self._blocks:
            yield from block

    def __getitem__(self, index: int) -> Standing:
        if not -self._size <= index < self._size:
            raise IndexError(f"index {index} of {self._size}")
        block, offset = self._find(index % self._size)
        return self._blocks[block][offset]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ordered) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Ordered({list(self)})"

    def rank(self, value: Standing) -> int:
        """How many stand before that one."""
        block = bisect_left(self._lasts, value)
        if block == len(self._blocks):
            return self._size
        before, left = bisect_left(self._blocks[block], value), block
        while left:
            before += self._tree[left]
            left &= left - 1
        return before

    def add(self, value: Standing) -> None:
        if not self._blocks:
            self._blocks, self._lasts = [[]], [value]
            self._recount()
        at = min(bisect_left(self._lasts, value), len(self._blocks) - 1)
        block = self._blocks[at]
        insort(block, value)
        self._lasts[at] = block[-1]
        self._size += 1
        if len(block) < 2 * BLOCK:
            self._count(at, 1)
            return
        self._blocks[at : at + 1] = block[:BLOCK], block[BLOCK:]
        self._lasts[at : at + 1] = block[BLOCK - 1], block[-1]
        self._recount()

    def remove(self, value: Standing) -> None:
        """Takes it out; ValueError if it is not there."""
        at = bisect_left(self._lasts, value)
        block = self._blocks[at] if at < len(self._blocks) else []
        offset = bisect_left(block, value)
        if offset == len(block) or block[offset] != value:
            raise ValueError(f"{value} is not there")
        del block[offset]
        self._size -= 1
        if block:
            self._lasts[at] = block[-1]
            self._count(at, -1)
        else:
            del self._blocks[at], self._lasts[at]
            self._recount()

    def _find(self, index: int) -> tuple[int, int]:
        """(block, offset in it) of a index from 0."""
        block, step = 0, 1 << (len(self._blocks).bit_length() - 1)
        while step:
            after = block + step
            if after < len(self._tree) and self._tree[after] <= index:
                block, index = after, index - self._tree[after]
            step >>= 1
        return block, index

    def _count(self, block: int, change: int) -> None:
        at = block + 1
        while at < len(self._tree):
            self._tree[at] += change
            at += at & -at

    def _recount(self) -> None:
        """After a block came or went: at most once in BLOCK additions, or for each block once."""
        self._tree = tree = [0, *map(len, self._blocks)]
        for at in range(1, len(tree)):
            above = at + (at & -at)
            if above < len(tree):
                tree[above] += tree[at]
