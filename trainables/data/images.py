"""Pictures in folders, one folder for each class. N pictures, C channels, H height, W width.

Read by Pillow, and of its formats only those that are pixels: others run programs (PostScript).
A picture is turned as its camera says; of several frames the first is read. Grey pictures have one
channel, others red, green and blue; transparency is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from lanewise.trainables.data.block import Block
from lanewise.trainables.data.columns import Request, refuse_order
from lanewise.trainables.data.convert import from_block
from lanewise.trainables.data.folders import class_folders, files_below, is_wanted
from lanewise.trainables.data.paths import alike, is_pattern, locate_folder
from lanewise.trainables.data.table import Array, texts
from lanewise.trainables.errors import DataError

if TYPE_CHECKING:
    import PIL.Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_GREY = ("1", "L", "LA", "La")  # Pillow's modes; those of more than 8 bits begin with I or F


class Picture(NamedTuple):
    """Where a picture is, and the name of its class."""

    file: Path
    label: str

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.file.parent.name}/{self.file.name}"


def load_images(asked: Request) -> Block:
    """The pictures below a folder, or those that a pattern names, by class and name.

    With `columns.shape` each is scaled to it, in grey or in colour; else all must be alike.

    Raises:
        DataError: at "data.source", "data.target", "data.group", "data.order" or "data.shape".
    """
    source = f"images:{asked.name}"
    if asked.target not in (None, "class", "target"):
        message = f"the target of {source} is the name of a picture's folder, not {asked.target!r}"
        raise DataError("data.target", message)
    if asked.group is not None:
        raise DataError("data.group", f"{source} has no column of groups; leave it out")
    refuse_order(asked, source)
    shape = asked.columns.shape
    if shape is not None and (len(shape) != 3 or min(shape) < 1 or shape[0] not in (1, 3)):
        message = "give [channels, height, width] with 1 channel (grey) or 3 (red, green, blue)"
        raise DataError("data.shape", f"{list(shape)}: {message}")
    pictures = find(asked.name, asked.base, has_classes=asked.columns.has_target)
    pixels = _stacked(pictures, shape, asked.memory)
    labels = texts(picture.label for picture in pictures)
    # Where nothing is to be told apart, a picture may lie in no folder.
    return from_block(pixels, labels) if asked.columns.has_target else Block(pixels, labels)


def find(name: str, base: Path, *, has_classes: bool = True) -> list[Picture]:
    """What a folder holds, or what is like a pattern: pictures, or folders of classes.

    Args:
        has_classes: False where nothing is to be told apart, so that no folder need be a class.
    """
    if is_pattern(name, base):
        found = alike(name, base)
        roots = [path for path in found if path.is_dir()]
        files = [Picture(path, path.parent.name) for path in found if is_wanted(path, SUFFIXES)]
        # A pattern such as photos/** names a folder's pictures one by one, beside the folder.
        pictures = files or [one for root in roots for one in _below(root, has_classes)]
        if not pictures:
            raise _bad(f"no picture is like {base / name} ({', '.join(SUFFIXES)})")
    else:
        pictures = _below(locate_folder(name, base), has_classes)
    return sorted(pictures, key=lambda picture: (picture.label, str(picture.file)))


def _below(root: Path, has_classes: bool) -> list[Picture]:
    """Pictures below the folders of a folder; each class must have some."""
    found = []
    folders = class_folders(root, SUFFIXES)
    for folder in folders:
        pictures = [Picture(file, folder.name) for file in files_below(folder, SUFFIXES)]
        if not pictures and has_classes:
            raise _bad(f"folder {folder.name} of {root} holds no picture ({', '.join(SUFFIXES)})")
        found += pictures
    loose = sorted(path for path in root.iterdir() if is_wanted(path, SUFFIXES))
    if has_classes and (loose or not folders):
        message = f"{root} needs a folder of pictures for each class"
        raise _bad(f"{message}; {loose[0].name} lies outside" if loose else message)
    if not (found or loose):
        raise _bad(f"{root} holds no picture ({', '.join(SUFFIXES)})")
    return found + [Picture(file, "") for file in loose]


def _stacked(pictures: Sequence[Picture], shape: Sequence[int] | None, memory: int) -> Array:
    """Pixels [N, C, H, W]: uint8, or float32 where a picture has more than 8 bits."""
    first = _pixels(pictures[0], shape)
    if len(pictures) * first.nbytes > memory:
        size = f"{len(pictures)} pictures of {_shown(first.shape)}"
        hint = "give a smaller data.shape, or save them as X.npy and y.npy (npy:FOLDER)"
        raise _bad(f"{size} are more than {memory / 1e9:g} GB; {hint}")
    whole = np.empty((len(pictures), *first.shape), first.dtype)
    for number, picture in enumerate(pictures):
        pixels = _pixels(picture, shape)
        if pixels.shape != first.shape:
            here, there = _shown(pixels.shape), _shown(first.shape)
            message = f"{picture.name} is {here}, and {pictures[0].name} {there}"
            raise _bad(f"{message}; give data.shape: [channels, height, width] to scale them")
        if pixels.dtype != whole.dtype:
            whole = whole.astype(np.float32)
        whole[number] = pixels
    return whole


def _pixels(picture: Picture, shape: Sequence[int] | None) -> Array:
    """[C, H, W] of one file."""
    try:
        return pixels_of(picture.file, shape)
    except DataError as error:
        raise _bad(f"{picture.name} {error.message}") from None


def pixels_of(file: Path | BinaryIO, shape: Sequence[int] | None) -> Array:
    """[C, H, W] of one picture, uint8, or float32 where it has more than 8 bits.

    Args:
        shape: to which it is scaled, with 1 or 3 channels; None for its own.

    Raises:
        DataError: it is no picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata, which is not read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as opened:
                return _array(ImageOps.exif_transpose(opened), shape)
    except Exception as error:  # decoders have many types for bytes that they do not understand
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, UnidentifiedImageError):
            why = f"its content is of none of these formats: {', '.join(FORMATS)}"
        raise _bad(f"is no readable picture: {why}") from None


def _array(image: PIL.Image.Image, shape: Sequence[int] | None) -> Array:
    """[C, H, W], scaled to the shape: bilinear, over all pixels that become one."""
    from PIL import Image

    is_deep = image.mode[0] in "IF"
    if is_deep:
        image = Image.fromarray(np.asarray(image, np.float32))
    channels = shape[0] if shape else 1 if is_deep or image.mode in _GREY else 3
    if not is_deep:
        image = image.convert("L" if channels == 1 else "RGB")
    if shape is not None and image.size != (shape[2], shape[1]):
        image = image.resize((shape[2], shape[1]), resample=Image.Resampling.BILINEAR)
    found: Any = np.asarray(image)
    if found.ndim == 3:
        return np.ascontiguousarray(found.transpose(2, 0, 1))
    return np.repeat(found[None], channels, 0)


def _shown(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _bad(message: str) -> DataError:
    return DataError("data.source", message)
