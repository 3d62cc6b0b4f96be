"""Numbers written as text: parsed where the whole column leaves no doubt of how."""

import random
from collections import Counter

import pytest

from lanewise.trainables.data.numerals import Format, find, parse

R = random.Random(1)
AMOUNTS = [R.uniform(1, 99_999) for _ in range(300)]
COUNTS = [R.randint(100, 9_999_999) for _ in range(300)]


def comma(value, digits=2):
    return f"{value:.{digits}f}".replace(".", ",")


def european(value):
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


SURE = {
    "decimal comma": ([comma(v) for v in AMOUNTS], AMOUNTS),
    "one decimal, and none": (["1,5", "2", "3,25", "-4,0"], [1.5, 2, 3.25, -4]),
    "grouped by commas": ([f"{v:,}" for v in COUNTS], COUNTS),
    "grouped, with decimals": ([f"{v:,.2f}" for v in AMOUNTS], AMOUNTS),
    "grouped by full stops": ([european(v) for v in AMOUNTS], AMOUNTS),
    "several groups of full stops": ([f"{v:,}".replace(",", ".") for v in COUNTS], COUNTS),
    "apostrophes": ([f"{v:,}".replace(",", "'") for v in COUNTS], COUNTS),
    "typographic apostrophes": ([f"{v:,}".replace(",", "’") for v in COUNTS], COUNTS),
    "spaces": ([f"{v:,}".replace(",", " ") for v in COUNTS], COUNTS),
    "narrow spaces": ([f"{v:,}".replace(",", "\u202f") for v in COUNTS], COUNTS),
    "spaces and a comma": ([f"{v:,.2f}".replace(",", " ").replace(".", ",") for v in AMOUNTS],
                           AMOUNTS),
    "lakhs": (["1,00,000", "12,34,567", "99,999", "5"], [100_000, 1_234_567, 99_999, 5]),
    "per cent": (["12%", "3.5 %", "-4%", "0%"], [12, 3.5, -4, 0]),
    "per cent with a comma": (["12,5%", "3,5%"], [12.5, 3.5]),
    "dollars": (["$1,200", "$80", "-$5", "$-3.50"], [1200, 80, -5, -3.5]),
    "euros behind": (["12,50 €", "1.250,00 €", "-3,00€"], [12.5, 1250, -3]),
    "codes": (["USD 12", "USD 1,200.50"], [12, 1200.5]),
    "francs": (["CHF 1'200", "CHF 80"], [1200, 80]),
    "in brackets": (["(1,234.5)", "567", "($5)"], [-1234.5, 567, -5]),
    "a true minus": (["−5,5", "3,2"], [-5.5, 3.2]),
    "exponents": (["1,5e3", "2E-2"], [1500, 0.02]),
    "zeros before a comma": (["0,123", "0,456"], [0.123, 0.456]),
}  # fmt: skip


@pytest.mark.parametrize("case", SURE)
def test_a_format_that_all_values_fit(case):
    written, meant = SURE[case]
    found = find(Counter(written))
    assert found.format is not None
    assert (found.missing, found.doubt) == ((), "")
    digits = 2 if meant is AMOUNTS else 9
    for text, value in zip(written, meant, strict=True):
        assert parse(text, found.format) == pytest.approx(round(value, digits), rel=1e-12)


NO_NUMBERS = {
    "words": ["Bern", "Rome"],
    "codes": [f"A{n}" for n in range(50)],
    "dates": ["01.02.2024", "02.02.2024"],
    "addresses": [f"192.168.0.{n}" for n in range(50)],
    "versions": ["1.2.3", "1.10.0"],
    "ordinals of few": ["1st", "2nd", "3rd"],
    "grades with a letter": ["1", "2", "3", "X"] * 10,
    "phone numbers": [f"0171 {n}" for n in range(100_000, 100_050)],
    "ranges": ["10-20", "20-30"],
    "times": ["12:30", "08:15"],
    "hexadecimal": ["0x1A", "0x2B"],
    "bounds": ["<5", ">10"],
}


@pytest.mark.parametrize("case", NO_NUMBERS)
def test_what_is_no_number_is_left_alone_without_a_word(case):
    found = find(Counter(NO_NUMBERS[case]))
    assert (found.format, found.doubt) == (None, "")


MANY = [str(n) for n in range(100, 400)]
DOUBTS = {
    "a unit": ([f"{n} kg" for n in MANY], "its numbers have a unit, 'kg'"),
    "two units": ([f"{n} kg" for n in MANY] + [f"{n} lb" for n in MANY], "units ('kg', 'lb')"),
    "two currencies": ([f"${n}" for n in MANY] + [f"€{n}" for n in MANY], "units ('$', '€')"),
    "per cent of some": ([f"{n}%" for n in MANY] + MANY, "have a %, others have none"),
    "many words": (MANY + ["unknown"] * 60, "83% of its values are numbers, others are not"),
    "many kinds": (MANY + [f"w{n}" for n in range(7)], "others are not ('w0', 'w1', 'w2')"),
}  # fmt: skip


@pytest.mark.parametrize("case", DOUBTS)
def test_what_leaves_a_doubt_is_said(case):
    values, words = DOUBTS[case]
    found = find(Counter(values))
    assert found.format is None
    assert words in found.doubt


@pytest.mark.parametrize(
    ("others", "missing"),
    [
        (["?", "?"], ("?",)),
        (["?"] * 140, ("?",)),  # a mark is never a value
        (["-", "--", "..."], ("-", "--", "...")),
        (["12O"], ("12O",)),
        (["unknown"] * 3 + ["?"], ("unknown", "?")),
    ],
)
def test_a_few_values_that_are_no_numbers_are_missing(others, missing):
    found = find(Counter(MANY + others))
    assert found.format == Format()
    assert found.missing == missing


def test_marks_count_as_missing_beside_few_numbers_and_words_do_not():
    few = [str(n % 9) for n in range(300)]
    assert find(Counter([*few, "?", "?"])).missing == ("?",)
    assert find(Counter([*few, "X", "X"])).format is None


def test_thousands_or_three_decimals():
    every = [f"{n:,}" for n in range(1000, 90_000, 997)]
    found = find(Counter(every))  # either mark fits each of them
    assert (found.format, found.doubt) == (Format(".", ","), "1,000 is read as 1000")
    assert find(Counter(every), decimal=",").format == Format(",")
    assert find(Counter([*every, *map(str, range(100, 200))])).doubt == ""  # 150 has no decimals
    stops = [value.replace(",", ".") for value in every]
    assert find(Counter(stops)).format == Format()  # as programs write them
    assert "1.000 is read as 1" in find(Counter([*stops, "5", "70"])).doubt
    assert find(Counter(stops), decimal=",").format == Format(",", ".")


def test_a_person_decides():
    weights = [f"{n} kg" for n in range(5)]
    assert find(Counter(weights)).format is None
    found = find(Counter([*weights, "heavy"]), is_asked=True)
    assert (found.format, found.missing) == (Format(unit="kg"), ("heavy",))
    assert find(Counter(["1,234"]), decimal=",", is_asked=True).format == Format(",")


@pytest.mark.parametrize("value", ["12,5", "1.234.567", "12 kg", "(5", "--5", "1,23", "5€", ""])
def test_what_does_not_fit_a_format_is_no_number(value):
    assert parse(value, Format(".", ",", "$")) is None
