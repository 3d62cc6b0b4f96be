"""Training pictures are moved, mirrored and cut as asked, alone and in packs; noise on any data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.training.augment import Augment, Augmented, moved
from lanewise.trainables.training.streams import normals, stream
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

NONE = np.full((1, 6), 0.5, np.float32)  # the middle of every range: nothing moves, no flip


def picture(height=5, width=4):
    return torch.arange(1.0, height * width + 1, dtype=torch.float64).view(1, 1, height, width)


def drawn(**places):
    """Draws of one row: size, flip, shift of x and y, place of x and y."""
    names = ("size", "flip", "shift_x", "shift_y", "place_x", "place_y")
    return np.array([[places.get(name, 0.5) for name in names]], np.float32)


def close(found, wanted):
    assert torch.allclose(found, wanted, rtol=0, atol=1e-6)


def test_in_the_middle_of_all_draws_nothing_happens():
    close(moved(picture(), Augment(shift=2, flip=True), NONE), picture())


def test_a_shift_moves_by_whole_pixels_and_zeros_come_in():
    most = 2
    for place in range(2 * most + 1):
        by = place - most
        where = (place + 0.5) / (2 * most + 1)
        across = moved(picture(), Augment(shift=most), drawn(shift_x=where))
        down = moved(picture(), Augment(shift=most), drawn(shift_y=where))
        padded = F.pad(picture(), (most,) * 4)
        close(across, padded[:, :, most : most + 5, most + by : most + by + 4])
        close(down, padded[:, :, most + by : most + by + 5, most : most + 4])


def test_a_flip_mirrors_left_and_right():
    close(moved(picture(), Augment(flip=True), drawn(flip=0.49)), picture().flip(3))
    close(moved(picture(), Augment(flip=True), drawn(flip=0.51)), picture())
    close(moved(picture(), Augment(flip=False), drawn(flip=0.0)), picture())


@pytest.mark.parametrize(("place", "rows"), [(0.0, slice(0, 4)), (1.0, slice(4, 8))])
def test_a_crop_cuts_out_a_part_and_scales_it_up(place, rows):
    whole = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    # Draws of 1 are the smallest part, half of each side.
    found = moved(whole, Augment(crop=0.5), drawn(size=1.0, place_x=place, place_y=place))
    part = F.pad(whole, (1,) * 4)[:, :, rows.start : rows.stop + 2, rows.start : rows.stop + 2]
    scaled = F.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
    close(found, scaled[:, :, 2:-2, 2:-2])
    close(moved(whole, Augment(crop=0.5), drawn(size=0.0, place_x=place)), whole)


def test_every_row_has_draws_of_its_own_however_the_epoch_is_cut():
    x = torch.randn(40, 1, 8, 8, dtype=torch.float64)
    augment = Augment(shift=1, flip=True, crop=0.6)
    whole = Augmented(augment, 3, 0, 1, 40).apply(x)
    cut = Augmented(augment, 3, 0, 1, 40)
    assert torch.equal(whole, torch.cat([cut.apply(part) for part in x.split([7, 13, 20])]))
    assert not torch.equal(whole, Augmented(augment, 3, 0, 2, 40).apply(x))  # another epoch
    assert not torch.equal(whole, Augmented(augment, 4, 0, 1, 40).apply(x))  # another trial
    same = x[:1].expand(40, -1, -1, -1)
    made = Augmented(augment, 3, 0, 1, 40).apply(same)
    assert len({row.numpy().tobytes() for row in made}) == 40


def test_draws_cover_their_ranges_evenly():
    x = torch.zeros(3000, 1, 7, 7, dtype=torch.float64)
    x[:, :, 3, 3] = 1
    found = Augmented(Augment(shift=1, flip=True), 0, 0, 1, 3000).apply(x).round()
    counts = found.sum(0)[0, 2:5, 2:5]
    # Each of nine places is expected 333 times, standard deviation 17: 6 sigma.
    assert counts.sum() == 3000
    assert (counts - 3000 / 9).abs().max() < 6 * 17.3


def test_noise_is_standard_normal_and_scaled():
    x = torch.zeros(4000, 3, dtype=torch.float64)
    found = Augmented(Augment(noise=0.25), 7, 0, 1, 4000).apply(x)
    assert torch.equal(
        found, 0.25 * torch.from_numpy(normals(stream(7, 0, "noise", 1), 12000)).view(4000, 3)
    )
    # 12,000 numbers: 6 sigma of their mean and of their standard deviation.
    assert abs(float(found.mean())) < 6 * 0.25 / 12000**0.5
    assert abs(float(found.std()) / 0.25 - 1) < 6 / 24000**0.5


def test_only_what_is_asked_for_is_done():
    assert not Augment.of({"lr": 1}).does_something
    assert not Augment.of({"noise": 0.0, "shift": 0, "flip": False, "crop": 1.0}).does_something
    assert Augment.of({"noise": 0.1}) == Augment(noise=0.1)
    for change in ({"shift": 1}, {"flip": True}, {"crop": 0.9}):
        assert Augment.of(change).moves


# --- in training ---------------------------------------------------------------------------------

CNN = {"channels": [3, 4], "norm": None, "batch_size": 33, "lr": 0.01, "activation": "tanh"}
CHANGES = [
    {"shift": 1},
    {"flip": True},
    {"crop": 0.7},
    {"noise": 0.3},
    {"shift": 2, "flip": True, "crop": 0.5, "noise": 0.1, "dropout": 0.2, "spatial_dropout": 0.2},
    {},
]


def small(shared, rows=101):
    """The same with fewer training rows: the last batch is a small one, of odd size."""
    (fold,) = shared.prepared.folds
    cut = replace(fold, x_train=fold.x_train[:rows], y_train=fold.y_train[:rows])
    return replace(shared, prepared=replace(shared.prepared, folds=(cut,)))


def trained(pool, members, until):
    for member in members:
        member.until = until
    while pool.due():
        pool.turn()


def parameters(trial):
    found = trial.replicas[0].tensors()
    return torch.cat(
        [t.detach().reshape(-1).double() for n, t in found.items() if n.startswith("now.")]
    )


def test_lanes_see_what_they_would_see_alone(image_recipe):
    shared = small(image_recipe(dtype="float64", epochs=3))
    pool = Pool(shared, force_packing=True)
    members = [pool.open({**CNN, **change}, seed) for seed, change in enumerate(CHANGES)]
    assert [member.alone for member in members] == [""] * len(members)
    trained(pool, members, 3)
    plain = []
    for seed, (change, member) in enumerate(zip(CHANGES, members, strict=True)):
        alone = open_trial(shared, {**CNN, **change}, seed)
        alone.advance(3)
        wanted = parameters(alone)
        assert float((parameters(member) - wanted).norm() / wanted.norm()) <= 1e-6, change
        without = open_trial(shared, CNN, seed)
        without.advance(3)
        plain.append(float((parameters(without) - wanted).norm() / wanted.norm()))
    assert all(apart > 1e-3 for apart in plain[:-1])  # each of them changes something
    assert plain[-1] == 0


def test_a_network_on_a_table_with_noise(recipe):
    shared = recipe("sklearn:wine", dtype="float64", epochs=3)
    config = {"hidden": [9], "batch_size": 31, "lr": 0.01}  # 31 rows of 13: an odd number of draws
    pool = Pool(shared, force_packing=True)
    members = [
        pool.open({**config, "noise": noise}, seed) for seed, noise in enumerate((0.2, 0.0, 1.0))
    ]
    trained(pool, members, 3)
    for seed, (noise, member) in enumerate(zip((0.2, 0.0, 1.0), members, strict=True)):
        alone = open_trial(shared, {**config, "noise": noise}, seed)
        alone.advance(3)
        wanted = parameters(alone)
        assert float((parameters(member) - wanted).norm() / wanted.norm()) <= 1e-6


def test_an_evaluation_sees_the_pictures_as_they_are(image_recipe):
    shared = small(image_recipe(dtype="float64", epochs=1))
    changed = open_trial(shared, {**CNN, "shift": 3, "flip": True, "noise": 2.0, "lr": 1e-12}, 0)
    plain = open_trial(shared, {**CNN, "lr": 1e-12}, 0)
    for trial in (changed, plain):
        trial.advance(1)
    (_, one), (_, other) = changed.rows[0], plain.rows[0]
    assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-6)
    assert abs(one["train_loss"] - other["train_loss"]) > 1e-3
