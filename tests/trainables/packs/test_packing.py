"""One truth about packing, whatever several workers have found."""

from __future__ import annotations

import pytest

from lanewise.trainables.packs.packing import Packing, together

SLOW = "no speed-up in a test (1.00×)"


@pytest.mark.parametrize(
    ("packings", "words"),
    [
        ([], ""),
        ([Packing()], ""),
        ([Packing(gains=(1.0,))], f"off, {SLOW}"),
        ([Packing(gains=(0.98,)), Packing(gains=(1.02,))], f"off, {SLOW}"),
        ([Packing(alone=("its precision is bfloat16",))], "off, its precision is bfloat16"),
        ([Packing(48, (5.06,))], "on, up to 48 lanes a worker, 5.1× the speed in a test"),
        ([Packing(64)], "on, up to 64 lanes a worker"),  # packs that were asked for, without a test
        (
            [Packing(48, (5.0,)), Packing(gains=(1.0,)), Packing(32, (6.0,))],
            f"on, up to 48 lanes a worker, 5.5× the speed in a test; off for some trials: {SLOW}",
        ),
        (
            [Packing(8, (), ("a",)), Packing(8, (), ("a", "b")), Packing(8, (), ("c", "d"))],
            "on, up to 8 lanes a worker; off for some trials: a; b; c; …",
        ),
    ],
)
def test_the_words(packings: list[Packing], words: str) -> None:
    assert str(together(packings)) == words
    assert str(together(reversed(packings))).partition(";")[0] == words.partition(";")[0]
