"""The picture of the trade-off: a well-formed file with every variant in it."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

from lanewise.registry.limits import Limits
from lanewise.registry.tradeoff import HEIGHT, WIDTH, Point, picture

POINTS = (
    Point("float32", 0.972, 4e-5, 60_000),
    Point("int8 <dynamic>", 0.971, 9e-5, 21_000, is_chosen=True),
    Point("pruned-0.5", 0.95, 5e-5, 60_100),
)


def test_each_variant_stands_in_both_panels_and_the_chosen_one_is_marked() -> None:
    drawn = picture(POINTS, "val_accuracy", "digits & more", Limits(2e-3, 50_000))
    root = ElementTree.fromstring(drawn)
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert [texts.count(point.variant) for point in POINTS] == [2, 2, 2]
    assert {"digits & more", "val_accuracy", "limit 2 ms", "limit 50 kB"} <= set(texts)
    rings = [each for each in root.iter() if each.get("r") == "9"]
    assert len(rings) == 2


def test_labels_do_not_cover_each_other_and_all_lies_inside() -> None:
    alike = [Point(f"v{n}", 0.9, 1e-5, 1000) for n in range(4)]
    drawn = picture(alike, "val_accuracy", "t", Limits())
    texts = [each for each in ElementTree.fromstring(drawn).iter() if each.tag.endswith("text")]
    heights = [float(each.attrib["y"]) for each in texts if re.fullmatch(r"v\d", each.text or "")]
    panel = heights[:4]
    assert min(b - a for a, b in pairwise(panel)) >= 14
    xs = [float(x) for x in re.findall(r' x[12]?="([\d.]+)"', drawn)]
    ys = [float(y) for y in re.findall(r' y[12]?="([\d.]+)"', drawn)]
    assert 0 <= min(xs) <= max(xs) <= WIDTH
    assert 0 <= min(ys) <= max(ys) <= HEIGHT
