"""The benchmark of families, at its smallest."""

from __future__ import annotations

import pytest
from families import FAMILIES, main

from lanewise.trainables.models import MODELS


def test_every_family_is_there_but_what_never_packs() -> None:
    packing = {name for name, model in MODELS.items() if not model.alone}
    assert {family.model for family in FAMILIES.values()} == packing


@pytest.mark.parametrize("name", ["mlp", "lstm 32", "autoencoder, var", "recommender"])
def test_a_row_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--turns", "1", "--lanes", "2", "--only", name])
    row = next(
        line for line in capsys.readouterr().out.splitlines() if line.startswith(f"| {name}")
    )
    assert "nan" not in row
    assert row.endswith("| 0 |")  # none trained alone
