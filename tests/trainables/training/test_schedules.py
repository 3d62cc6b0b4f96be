"""Every schedule against torch.optim.lr_scheduler, step by step."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from lanewise.trainables.config import SCHEDULES as OPTIONS
from lanewise.trainables.config import check, complete
from lanewise.trainables.training.schedules import SCHEDULES, Plateau, Rate, Span, factor

LR = 0.3
many = settings(deadline=None, max_examples=60, derandomize=True)
spans = st.builds(Span, steps=st.integers(1, 7), epochs=st.integers(1, 9))


def schedule(name, **options):
    config = {"lr": LR, "schedule": {"name": name, **options}}
    check("mlp", config)
    return complete("mlp", config)


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)


def torch_rates(optimizer, span, *, per_step=(), per_epoch=()):
    """The rate of each step of a training in which these schedulers are stepped."""
    found = []
    for _ in range(span.epochs):
        for _ in range(span.steps):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for each in per_step:
                each.step()
        for each in per_epoch:
            each.step()
    return found


def our_rates(config, span):
    rate = Rate(config, span)
    return [rate.at(step) for step in range(span.steps * span.epochs)]


def test_every_schedule_has_options_and_a_function():
    assert set(SCHEDULES) == set(OPTIONS)


@many
@given(spans, st.integers(1, 4), st.floats(0.05, 0.95))
def test_step_equals_torch(span, every, gamma):
    opt = optimizer()
    theirs = torch_rates(opt, span, per_epoch=[lr_scheduler.StepLR(opt, every, gamma)])
    ours = our_rates(schedule("step", every=every, factor=gamma), span)
    assert ours == pytest.approx(theirs, rel=1e-9)


@many
@given(spans, st.floats(0, 1))
def test_cosine_equals_torch(span, final):
    opt = optimizer()
    total = span.steps * span.epochs
    theirs = lr_scheduler.CosineAnnealingLR(opt, total, eta_min=final * LR)
    ours = our_rates(schedule("cosine", final=final), span)
    assert ours == pytest.approx(torch_rates(opt, span, per_step=[theirs]), rel=1e-6, abs=1e-12)


@many
@given(spans, st.sampled_from([0.0, 0.25, 0.3, 0.9, 1.0]), st.floats(1, 50), st.floats(1, 1e5))
def test_one_cycle_equals_torch(span, pct_start, div, final_div):
    total = span.steps * span.epochs
    if pct_start * total == 1:
        return  # torch divides by zero
    opt = optimizer()
    theirs = lr_scheduler.OneCycleLR(
        opt,
        LR,
        total,
        pct_start=pct_start,
        div_factor=div,
        final_div_factor=final_div,
        cycle_momentum=False,
    )
    expected = []
    for step in range(total):
        expected.append(opt.param_groups[0]["lr"])
        opt.step()
        if step + 1 < total:  # torch refuses to go on
            theirs.step()
    options = {"pct_start": pct_start, "div_factor": div, "final_div_factor": final_div}
    assert our_rates(schedule("one_cycle", **options), span) == pytest.approx(expected, rel=1e-9)


@many
@given(spans, st.integers(2, 20))
def test_warm_up_equals_torch(span, rising):
    """Alone, and times another schedule, as torch chains them."""
    warmup = rising / span.steps
    opt = optimizer()
    linear = lr_scheduler.LinearLR(opt, 1 / rising, total_iters=rising - 1)
    theirs = torch_rates(opt, span, per_step=[linear])
    assert our_rates(schedule("constant", warmup=warmup), span) == pytest.approx(theirs, rel=1e-9)

    opt = optimizer()
    linear = lr_scheduler.LinearLR(opt, 1 / rising, total_iters=rising - 1)
    steps = lr_scheduler.StepLR(opt, 2, 0.3)
    theirs = torch_rates(opt, span, per_step=[linear], per_epoch=[steps])
    ours = our_rates(schedule("step", every=2, factor=0.3, warmup=warmup), span)
    assert ours == pytest.approx(theirs, rel=1e-9)


losses = st.lists(
    st.sampled_from([1.0, 0.9999, 0.99, 0.5, 2.0, 0.0, -1.0, math.inf, math.nan]), max_size=40
)


@many
@given(losses, st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.0, 1e-4, 0.2]))
def test_plateau_equals_torch(losses, patience, cooldown, threshold):
    opt = optimizer()
    theirs = lr_scheduler.ReduceLROnPlateau(
        opt, factor=0.5, patience=patience, cooldown=cooldown, threshold=threshold, eps=0
    )
    options = {"factor": 0.5, "patience": patience, "cooldown": cooldown, "threshold": threshold}
    rate = Rate(schedule("plateau", **options), Span(1, 40))
    for epoch, loss in enumerate(losses):
        opt.step()
        theirs.step(loss)
        rate.epoch_ended(loss)
        rate.restore(rate.state())
        assert rate.at(epoch + 1) == pytest.approx(opt.param_groups[0]["lr"], rel=1e-9)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if "warmup" in OPTIONS[name]])
def test_warm_up_takes_epochs_and_parts_of_one(name):
    span = Span(steps=10, epochs=4)
    warm, cold = (schedule(name, warmup=w)["schedule"] for w in (0.5, 0))
    shares = [factor(warm, t, span) / factor(cold, t, span) for t in range(8)]
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1])


@pytest.mark.parametrize("name", SCHEDULES)
def test_beyond_the_budget_the_rate_stays(name):
    span, options = Span(steps=3, epochs=2), schedule(name)["schedule"]
    ends = [factor(options, step, span) for step in (6, 7, 20)]
    assert len(set(ends)) == 1
    assert ends[0] <= 1


def test_a_state_of_another_schedule_is_ignored():
    rate = Rate(schedule("plateau"), Span(1, 1))
    rate.restore([])
    assert rate.plateau == Plateau()
    rate = Rate(schedule("cosine"), Span(1, 1))
    rate.restore([0.1, 2.0, 1, 0])
    assert rate.at(0) == LR
