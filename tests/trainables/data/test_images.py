"""Folders of pictures: what is read, in which order and shape; a bad one is one line."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.images import FORMATS, SUFFIXES
from lanewise.trainables.data.parts import load_parts
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.errors import DataError


def save(path: Path, pixels, **more) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path, **more)


def grey(value: int, height: int = 3, width: int = 4):
    return np.full((height, width), value, np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        save(tmp_path / "photos" / "dog" / f"{number}.png", grey(100 + number))
        save(tmp_path / "photos" / "cat" / f"{number}.png", grey(number))
    return tmp_path


def read(base: Path, source: str = "images:photos", shape=None, **more):
    columns = Columns(shape=shape, **more)
    return load_rows(source, columns, base)


def bad(base: Path, source: str = "images:photos", shape=None, path: str = "data.source", **more):
    with pytest.raises(DataError) as caught:
        read(base, source, shape, **more)
    assert caught.value.path == path
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is read --------------------------------------------------------------------------------


def test_a_folder_is_a_class_and_the_order_is_by_name(photos):
    rows = read(photos)
    assert rows.x.dtype == np.uint8
    assert rows.x.shape == (6, 1, 3, 4)
    assert rows.target.tolist() == ["cat"] * 3 + ["dog"] * 3
    assert rows.x[:, 0, 0, 0].tolist() == [0, 1, 2, 100, 101, 102]


def test_folders_below_a_class_and_other_files_and_hidden_ones(photos):
    save(photos / "photos" / "cat" / "old" / "9.PNG", grey(9))
    save(photos / "photos" / ".thumbs" / "1.png", grey(1))
    save(photos / "photos" / "cat" / ".hidden.png", grey(1, 9, 9))
    (photos / "photos" / "readme.txt").write_text("about")
    (photos / "photos" / "cat" / "Thumbs.db").write_bytes(b"\0")
    rows = read(photos)
    assert rows.target.tolist() == ["cat"] * 4 + ["dog"] * 3
    assert 9 in rows.x[:4, 0, 0, 0]


@pytest.mark.parametrize(
    ("pattern", "count"), [("photos/*/[01].png", 4), ("photos/**/*.png", 6), ("pho*", 6)]
)
def test_patterns_name_pictures_or_folders(photos, pattern, count):
    rows = read(photos, f"images:{pattern}")
    assert len(rows) == count
    assert set(rows.target.tolist()) == {"cat", "dog"}


def test_a_pattern_of_folders_joins_their_classes(tmp_path):
    for site in "ab":
        save(tmp_path / site / "cat" / "1.png", grey(1))
        save(tmp_path / site / "dog" / "1.png", grey(2))
    rows = read(tmp_path, "images:[ab]")
    assert rows.target.tolist() == ["cat", "cat", "dog", "dog"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format(tmp_path, suffix):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    more = {"lossless": True} if suffix == ".webp" else {}
    save(tmp_path / "p" / "a" / f"1{suffix}", pixels, **more)
    found = read(tmp_path, "images:p").x[0]
    assert found.shape[1:] == (3, 4)
    # JPEG is not exact.
    assert np.abs(found.mean(0) - pixels).max() <= (12 if "jp" in suffix else 1)


def colours(mode: str):
    image = Image.fromarray(np.full((3, 4, 3), (200, 100, 50), np.uint8))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("RGB", 3), ("RGBA", 3), ("P", 3), ("CMYK", 3), ("L", 1), ("1", 1), ("LA", 1)],
)
def test_channels(tmp_path, mode, channels):
    (tmp_path / "p" / "a").mkdir(parents=True)
    colours(mode).save(tmp_path / "p" / "a" / ("1.tiff" if mode == "CMYK" else "1.png"))
    found = read(tmp_path, "images:p").x
    assert found.shape == (1, channels, 3, 4)
    if mode in ("RGB", "RGBA"):
        assert found[0, :, 0, 0].tolist() == [200, 100, 50]


def test_more_than_eight_bits_keep_their_values(tmp_path):
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    save(tmp_path / "p" / "a" / "1.png", deep)
    save(tmp_path / "p" / "a" / "0.png", grey(7))
    rows = read(tmp_path, "images:p")
    assert rows.x.dtype == np.float32
    assert np.array_equal(rows.x[1, 0], deep)
    assert (rows.x[0] == 7).all()
    assert read(tmp_path, "images:p", (3, 6, 8)).x.shape == (2, 3, 6, 8)


def test_a_picture_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter to the right
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    save(tmp_path / "p" / "a" / "1.png", pixels, exif=exif)
    assert np.array_equal(read(tmp_path, "images:p").x[0, 0], np.rot90(pixels, -1))


def test_the_first_frame_of_several(tmp_path):
    (tmp_path / "p" / "a").mkdir(parents=True)
    frames = [Image.fromarray(grey(value)) for value in (10, 200)]
    frames[0].save(tmp_path / "p" / "a" / "1.gif", save_all=True, append_images=frames[1:])
    assert np.unique(read(tmp_path, "images:p").x).tolist() == [10]


def test_a_shape_scales_and_colours(photos):
    save(photos / "photos" / "dog" / "big.png", np.full((40, 30, 3), 100, np.uint8))
    for shape in ((1, 8, 8), (3, 5, 9)):
        rows = read(photos, shape=shape)
        assert rows.x.shape == (7, *shape)
        assert rows.x[0].max() == 0
        assert (rows.x[-1] == 100).all()


def test_scaling_down_averages(tmp_path):
    board = (np.indices((64, 64)).sum(0) % 2 * 200).astype(np.uint8)
    save(tmp_path / "p" / "a" / "1.png", board)
    found = read(tmp_path, "images:p", (1, 4, 4)).x
    assert np.abs(found.astype(float) - 100).max() <= 2


def test_the_hash_is_of_the_content(photos):
    before = read(photos).fingerprint()
    path = photos / "photos" / "cat" / "1.png"
    pixels = np.asarray(Image.open(path)).copy()
    save(path, pixels, compress_level=0)  # other bytes, the same pixels
    assert read(photos).fingerprint() == before
    pixels[1, 2] += 1
    save(path, pixels)
    assert read(photos).fingerprint() != before
    pixels[1, 2] -= 1
    save(path, pixels)
    (photos / "photos" / "cat").rename(photos / "photos" / "cow")
    assert read(photos).fingerprint() != before


def test_no_class_is_needed_where_nothing_is_told_apart(tmp_path):
    for number in range(3):
        save(tmp_path / "p" / f"{number}.png", grey(number))
    assert len(read(tmp_path, "images:p", has_target=False)) == 3
    assert "needs a folder of pictures for each class; 0.png lies" in bad(tmp_path, "images:p")


# --- what is refused -----------------------------------------------------------------------------


def test_pictures_of_several_sizes_name_a_file_and_sizes(photos):
    save(photos / "photos" / "dog" / "5.png", grey(1, 7, 9))
    line = bad(photos)
    assert "dog/5.png is 1 × 7 × 9, and cat/0.png 1 × 3 × 4; give data.shape" in line


def test_grey_among_colours(photos):
    save(photos / "photos" / "dog" / "5.png", np.zeros((3, 4, 3), np.uint8))
    assert "dog/5.png is 3 × 3 × 4, and cat/0.png 1 × 3 × 4" in bad(photos)


def cut_off() -> bytes:
    made = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8)
    Image.fromarray(noise).save(made, "png")
    return made.getvalue()[:900]


def bomb(side: int) -> bytes:
    """A small PNG that says it has side × side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


BROKEN = {
    "text": (b"no picture", "its content is of none of these formats: PNG, JPEG"),
    "empty": (b"", "its content is of none of these formats"),
    "cut off": (cut_off(), "dog/5.png is no readable picture: "),
    "large": (bomb(10_000), "could be decompression bomb DOS attack"),  # Pillow only warns
    "huge": (bomb(60_000), "could be decompression bomb DOS attack"),
    "PostScript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        "its content is of none of these formats",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_unreadable_picture_is_one_line(photos, case):
    content, words = BROKEN[case]
    (photos / "photos" / "dog" / "5.png").write_bytes(content)
    line = bad(photos)
    assert words in line
    assert "dog/5.png is no readable picture: " in line


def test_nothing_that_runs_programs_is_read():
    assert not {"EPS", "WMF", "PDF", "FPX", "MIC"} & set(FORMATS)


def test_folders_without_pictures(photos):
    (photos / "photos" / "empty").mkdir()
    assert "folder empty of" in bad(photos)
    (photos / "nothing").mkdir()
    assert "nothing needs a folder of pictures for each class" in bad(photos, "images:nothing")
    assert "nothing holds no picture" in bad(photos, "images:nothing", has_target=False)
    assert "gone does not exist" in bad(photos, "images:gone")
    assert "is a file, not a folder" in bad(photos, "images:photos/cat/0.png")
    assert "no picture is like" in bad(photos, "images:photos/*/*.jpg")


@pytest.mark.parametrize("shape", [(8, 8), (2, 8, 8), (1, 0, 8), (1, 8, 8, 8)])
def test_a_shape_that_no_picture_has(photos, shape):
    assert "give [channels, height, width]" in bad(photos, shape=shape, path="data.shape")


def test_columns_that_pictures_have_not(photos):
    assert "name of a picture's folder" in bad(photos, target="y", path="data.target")
    assert "has no column of groups" in bad(photos, group="who", path="data.group")
    assert "to order its rows by" in bad(photos, order="day", path="data.order")
    assert len(read(photos, target="class")) == 6


def test_more_than_memory_takes(photos):
    with pytest.raises(DataError, match=r"6 pictures of 1 × 3 × 4 are more than .* smaller"):
        load_rows("images:photos", Columns(), photos, memory=71)
    assert len(load_rows("images:photos", Columns(), photos, memory=72)) == 6


# --- parts of their own --------------------------------------------------------------------------


def prepared(base: Path, own):
    parts = load_parts("images:photos", own, target=None, base=base)
    parts, reading = parts.read_as(("image",), None)
    return prepare(
        parts.main.table,
        source="images:photos",
        task="binary",
        split=(0.5, 0.5, 0.0),
        own=parts.own,
        reading=reading,
    )


def test_a_class_of_the_test_part_alone_is_one_line(photos):
    save(photos / "later" / "cat" / "1.png", grey(1))
    assert prepared(photos, {"test": "images:later"}).identity["test"]["rows"] == 1
    save(photos / "later" / "cow" / "1.png", grey(1))
    words = r"data\.test: 1 rows have class 'cow', which is not in the training data \(cat, dog\)"
    with pytest.raises(DataError, match=words):
        prepared(photos, {"test": "images:later"})


def test_a_test_part_of_another_size_is_one_line(photos):
    save(photos / "later" / "cat" / "1.png", grey(1, 5, 5))
    with pytest.raises(DataError, match=r"^data\.test: .*\[rows, 1, 3, 4\].*\[1, 1, 5, 5\]"):
        prepared(photos, {"test": "images:later"})
