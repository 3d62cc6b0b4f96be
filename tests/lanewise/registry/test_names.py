"""What people may call models, and how they name a version."""

from __future__ import annotations

import pytest

from lanewise.registry.errors import RegistryError
from lanewise.registry.names import (
    Reference,
    check_alias,
    check_name,
    check_version,
    is_reference,
    parse,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("digits", Reference("digits", "champion")),
        ("digits@challenger", Reference("digits", "challenger")),
        ("digits/3", Reference("digits", None, 3)),
        ("models:/digits@champion", Reference("digits", "champion")),
        ("models:/digits/12", Reference("digits", None, 12)),
        ("my.model_2-b", Reference("my.model_2-b", "champion")),
    ],
)
def test_a_version_is_named_by_its_number_or_an_alias(text: str, meant: Reference) -> None:
    assert parse(text) == meant
    assert parse(str(meant)) == meant


def test_what_can_be_nothing_but_a_registered_model() -> None:
    assert is_reference("models:/digits")
    assert is_reference("digits@champion")
    assert not is_reference("digits")
    assert not is_reference("./digits")


WRONG = (
    *("", "../digits", "a/b", "a\\b", "a:b", "a b", "a\n", "\x1b[31m", "a\x00", "ä"),
    *(".a", "-a", "a..b", "x" * 101, "latest", "Latest", "None", "3", "v3", "V12"),
)


@pytest.mark.parametrize("name", WRONG)
def test_other_names_are_refused_in_one_line(name: str) -> None:
    for check, option in ((check_name, "--name"), (check_alias, "--alias")):
        with pytest.raises(RegistryError) as refused:
            check(name)
        message = str(refused.value)
        assert message.startswith(f"{option}: ")
        assert message.isprintable()
        assert len(message) < 150


def test_an_alias_has_no_point_since_mlflow_takes_none() -> None:
    with pytest.raises(RegistryError, match=r"'a\.b' is no alias"):
        check_alias("a.b")


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "one", "01", "9" * 10])
def test_a_version_is_a_whole_number_from_one(text: str) -> None:
    with pytest.raises(RegistryError, match="is no version"):
        check_version(text)


@pytest.mark.parametrize(
    "text", ["digits@", "@champion", "digits/", "digits@a@b", "models:/", "a/b/c"]
)
def test_half_a_reference_is_refused(text: str) -> None:
    with pytest.raises(RegistryError):
        parse(text)
