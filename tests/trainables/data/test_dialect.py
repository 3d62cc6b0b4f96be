"""CSV files as spreadsheets and instruments write them: the separator, and where the header is."""

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pytest

from lanewise.sniff import look
from lanewise.trainables.data.dialect import Dialect, dialect_of
from lanewise.trainables.data.source import load
from lanewise.trainables.errors import DataError

# Content, and its columns without y; the rows are 1, 2 … in reading order.
FILES = {
    "another separator inside quotes": ('"T, a, C";"p, bar";y\n1;2;0\n3;4;1\n', "T, a, C|p, bar"),
    "the same separator inside quotes": ('"x;1","x;2;3;4",y\n1,2,0\n3,4,1\n', "x;1|x;2;3;4"),
    "its own separator inside quotes": ('"a;b";"c";y\n1;2;0\n3;4;1\n', "a;b|c"),
    "separators of prose without quotes": ("T, a, C;p, bar;y\n1;2;0\n3;4;1\n", "T, a, C|p, bar"),
    "as many commas as semicolons": ("Temp, air;p, bar;y\n1;2;0\n3;4;1\n", "Temp, air|p, bar"),
    "doubled quotes": ('"a ""x;y""","b",y\n1,2,0\n3,4,1\n', 'a "x;y"|b'),
    "a quoted newline": ('a,"b;\nc;d;e",y\n1,2,0\n3,4,1\n', "a|b;\nc;d;e"),
    "spaces before quotes": ('"a", "b;c;d", "y"\n1, 2, 0\n3, 4, 1\n', "a|b;c;d"),
    "tabs": ("a,b\tc;d;e\ty\n1\t2\t0\n3\t4\t1\n", "a,b|c;d;e"),
    "pipes": ("a|b, c|y\n1|2|0\n3|4|1\n", "a|b, c"),
    "carriage returns": ("a;b;y\r1;2;0\r3;4;1\r", "a|b"),
    "a sep= line": ("sep=;\na;b;y\n1;2;0\n3;4;1\n", "a|b"),
    "a sep= line with CRLF and a mark": ("\ufeffsep=;\r\na;b;y\r\n1;2;0\r\n3;4;1\r\n", "a|b"),
    "a quoted sep= line": ('"Sep=|"\na|b,c,d|y\n1|2|0\n3|4|1\n', "a|b,c,d"),
    "a sep= line of a tab": ("sep=\t\na\tb\ty\n1\t2\t0\n3\t4\t1\n", "a|b"),
    "a sep= line of a rare separator": ("sep=^\na^b^y\n1^2^0\n3^4^1\n", "a|b"),
    "a mark before a quote": ('\ufeff"a";"b";y\n1;2;0\n3;4;1\n', "a|b"),
    "blank lines first": ("\n  \r\n\na;b;y\n1;2;0\n3;4;1\n", "a|b"),
    "lines of separators first": (";;;\n;;;\na;b;y\n1;2;0\n3;4;1\n", "a|b"),
    "comments first": ("# from a, b, c, d\n# it's 5\" wide\na;b;y\n1;2;0\n3;4;1\n", "a|b"),
    "a comment as wide as the header": ("# made, in, Bern\na,b,y\n1,2,0\n3,4,1\n", "a|b"),
    "comments of other kinds": ("// a;b\n\n% c;d;e\na,b,y\n1,2,0\n3,4,1\n", "a|b"),
    "a comment after a sep= line": ("sep=;\n# a,b\na;b;y\n1;2;0\n3;4;1\n", "a|b"),
    "a header like a comment": ("#id,b,y\n1,2,0\n3,4,1\n", "#id|b"),
    "a comment, and a header like one": ("## v4.2\n#id\tb\ty\n1\t2\t0\n3\t4\t1\n", "#id|b"),
    "separators at the end of all lines": ("a;b;y;\n1;2;0;\n3;4;1;\n", "a|b"),
    "separators at the end of the rows": ("a,b,y\n1,2,0,\n3,4,1,\n", "a|b"),
    "separators at the end of the header": ("a,b,y,,\n1,2,0\n3,4,1\n", "a|b"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_every_dialect_is_read_and_init_sees_the_same(case, tmp_path):
    content, names = FILES[case]
    (tmp_path / "rows.csv").write_bytes(content.encode())
    table = load("rows.csv", target="y", base=tmp_path)
    assert table.columns == tuple(names.split("|"))
    assert np.array_equal(table.x_ND, [[1, 2], [3, 4]])
    assert table.target.tolist() == [0, 1]
    assert look("csv:rows.csv", "y", tmp_path).shape == "2 columns, 2 of numbers"


# Content, and the values of the first column as they are written.
WORDS = {
    "texts with commas": ("a, b;y\nsmith, jane;u\npoe, ed;v\n", ["smith, jane", "poe, ed"]),
    "quoted texts": (
        'a,y\n"1;2;3",u\n"say ""no"", or\nnot",v\n',
        ["1;2;3", 'say "no", or\nnot'],
    ),
    "quotes within words": ('a,b,y\n5" pipe,1,u\nO"Neil,2,v\n', ['5" pipe', 'O"Neil']),
    "short rows": ("a;b,c;y\nu;1;x\nv;2\nw;3;x\n", ["u", "w"]),
}


@pytest.mark.parametrize("case", WORDS)
def test_values_hold_separators(case, tmp_path):
    content, first = WORDS[case]
    (tmp_path / "rows.csv").write_text(content)
    table = load("rows.csv", target="y", base=tmp_path)
    assert table.categories[table.columns[0]].tolist() == first


def test_decimal_commas_separate_nothing():
    assert dialect_of("a;b;y\n1,5;2,5;0\n3,5;4,5;1\n", "rows.csv") == Dialect(";")
    assert dialect_of("x, m;y\n1,5;0\n2,5;1\n", "rows.csv") == Dialect(";")
    assert dialect_of("a\tb\n1,5\t2,5\n", "rows.csv") == Dialect("\t")


@pytest.mark.parametrize(
    "content",
    ["y\n1\n2\n", "text\nhello, world\nfoo\n", "text\na;b\nc,d|e\n\n", "# values\n1\n2\n"],
)
def test_a_file_of_one_column(content, tmp_path):
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(DataError, match=r"column 'gone' is not in|Expected 1 fields"):
        load("rows.csv", target="gone", base=tmp_path)
    if "|" not in content:
        separator = dialect_of(content, "rows.csv").separator
        assert separator not in content


def test_only_a_header_names_its_columns(tmp_path):
    (tmp_path / "rows.csv").write_text('"Temp, air, C";"p, bar";y\n')
    with pytest.raises(DataError, match="the data has no rows"):
        load("rows.csv", target="y", base=tmp_path)
    with pytest.raises(DataError, match=r"\(columns: Temp, air, C, p, bar, y"):
        load("rows.csv", target="z", base=tmp_path)


@pytest.mark.parametrize("line", ["sep=", "sep=||", 'sep="', "sep=a"])
def test_a_sep_line_that_names_nothing_is_one_line(line, tmp_path):
    (tmp_path / "rows.csv").write_text(f"{line}\na,y\n1,0\n")
    with pytest.raises(DataError, match=r"rows.csv: its first line, .* names no single separator"):
        load("rows.csv", target="y", base=tmp_path)


def test_a_line_with_a_mistake_is_counted_from_the_top(tmp_path):
    (tmp_path / "rows.csv").write_text("sep=,\n# two\n\na,b,y\n1,2,0\n3,4,1,9\n")
    with pytest.raises(DataError, match="Expected 3 fields in line 6, saw 4"):
        load("rows.csv", target="y", base=tmp_path)


def test_the_head_of_a_long_file_decides(tmp_path):
    """A record that the sample cuts through says nothing."""
    rows = "".join(f'{n};"{"x, " * 3000}";{n % 2}\n' for n in range(60))
    (tmp_path / "rows.csv").write_text('n;"a, b, c, d";y\n' + rows)
    table = load("rows.csv", target="y", base=tmp_path)
    assert (len(table), table.columns) == (60, ("n", "a, b, c, d"))
    wide = ";".join(f"c{n}" for n in range(60_000))
    (tmp_path / "wide.csv").write_text(f"{wide};y\n" + ";".join("1" * 60_001) + "\n")
    assert dialect_of(wide[: 2**18], "wide.csv", is_cut=True).separator == ";"


CONTENT = "\ufeffa;b;y\n1;2;0\n3;4;1\n".encode()


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("rows.csv.gz", gzip.compress),
        ("ROWS.CSV.GZ", gzip.compress),
        ("rows.csv.bz2", bz2.compress),
        ("rows.csv.xz", lzma.compress),
    ],
)
def test_packed_files(name, compress, tmp_path):
    packed = compress(CONTENT)
    (tmp_path / name).write_bytes(packed)
    assert np.array_equal(load(f"csv:{name}", target="y", base=tmp_path).x_ND, [[1, 2], [3, 4]])
    (tmp_path / name).write_bytes(packed[:-9])
    with pytest.raises(DataError, match="is no readable CSV"):
        load(f"csv:{name}", target="y", base=tmp_path)
    (tmp_path / name).write_bytes(CONTENT)
    with pytest.raises(DataError, match="is no readable CSV"):
        load(f"csv:{name}", target="y", base=tmp_path)


def test_a_zip_holds_one_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "rows.csv.zip", "w") as archive:
        archive.writestr("rows.csv", CONTENT)
    assert len(load("csv:rows.csv.zip", target="y", base=tmp_path)) == 2
    with zipfile.ZipFile(tmp_path / "rows.csv.zip", "a") as archive:
        archive.writestr("more.csv", CONTENT)
    with pytest.raises(DataError, match=r"rows.csv.zip holds 2 files"):
        load("csv:rows.csv.zip", target="y", base=tmp_path)
    (tmp_path / "rows.csv.zip").write_bytes(CONTENT)
    with pytest.raises(DataError, match=r"rows.csv.zip is no readable CSV"):
        load("csv:rows.csv.zip", target="y", base=tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"])
def test_other_encodings_are_one_line(encoding, tmp_path):
    (tmp_path / "rows.csv").write_bytes("Höhe;y\n1;0\n2;1\n".encode(encoding))
    with pytest.raises(DataError, match="save it as UTF-8") as caught:
        load("rows.csv", target="y", base=tmp_path)
    assert "\n" not in str(caught.value)
