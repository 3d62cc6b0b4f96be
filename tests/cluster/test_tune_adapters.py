"""What Ray says of a worker's end becomes a kind of failure; the errors are Ray's own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle
from ray.core.generated.common_pb2 import ActorDiedErrorContext, NodeDeathInfo
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError

from lanewise.cluster.blame import failure_of
from lanewise.cluster.bridge import Bridge, Loss
from lanewise.cluster.limits import NO_LIMITS
from lanewise.cluster.tune_adapters import Adapter
from lanewise.cluster.tune_worker import RUN, decode_outcome, encode_outcome, encode_run
from lanewise.search.control.executor import Outcome
from lanewise.search.core.events import Failure
from lanewise.search.core.sweep import Run
from lanewise.search.selection.evaluated import Evaluated

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def kind_of(loss: Loss) -> str:
    return failure_of(loss.text, NO_LIMITS, is_preempted=loss.is_preempted).kind


def died(reason: int | None) -> ActorDiedError:
    """As Ray builds it; the reason is that of the node's death, None for the process's own."""
    context = ActorDiedErrorContext(error_message="The actor is dead.", actor_id=b"0" * 16)
    if reason is not None:
        context.node_death_info.reason = reason
    return ActorDiedError(cause=context)


ERRORS: dict[str, tuple[Exception, str]] = {
    "a killed process": (died(None), "node_lost"),
    "a node that went": (died(NodeDeathInfo.UNEXPECTED_TERMINATION), "node_lost"),
    "a node that was drained": (died(NodeDeathInfo.AUTOSCALER_DRAIN_PREEMPTED), "preempted"),
    "a node that does not answer": (ActorUnavailableError("no answer", None), "node_lost"),
    "memory": (OutOfMemoryError("killed due to the node running low on memory"), "out_of_memory"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_the_kind_of_a_loss_is_what_ray_knows(case: str, tmp_path: Path) -> None:
    error, kind = ERRORS[case]
    (tmp_path / "error.txt").write_text(f"Failure # 1\n{error}\n")
    (tmp_path / "error.pkl").write_bytes(cloudpickle.dumps(error))
    trial: Any = SimpleNamespace(
        config={RUN: encode_run(Run(4, {}, 0, 2, 0, 9))},
        error_file=str(tmp_path / "error.txt"),
        pickled_error_file=str(tmp_path / "error.pkl"),
    )
    bridge = Bridge()
    Adapter(bridge).on_trial_error(None, trial)
    loss = bridge.inbox.get_nowait()
    assert isinstance(loss, Loss)
    assert (loss.run.number, loss.run.attempt, kind_of(loss)) == (4, 2, kind)
    assert str(error).splitlines()[0] in loss.text


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def dotted(path: Path) -> bytes:
    """Names nothing but ``ray.exceptions``, from where dots lead anywhere."""
    name, made = b"os.mkdir", str(path).encode()
    text = [b"\x8c" + bytes([len(each)]) + each for each in (b"ray.exceptions", name, made)]
    return b"\x80\x04" + text[0] + text[1] + b"\x93" + text[2] + b"\x85R."


FORGED = {
    "another class": lambda path: cloudpickle.dumps(Trap(path)),
    "a dotted name": dotted,
    "a dotted name and more": lambda path: dotted(path)[:-1] + cloudpickle.dumps(died(3))[2:],
    "no pickle": lambda path: b"_preempted\x88",
    "half an error": lambda path: cloudpickle.dumps(died(3))[:-40],
    "nothing": lambda path: b"",
}


@pytest.mark.parametrize("case", FORGED)
def test_a_file_that_is_no_error_of_rays_is_not_obeyed(case: str, tmp_path: Path) -> None:
    (tmp_path / "error.pkl").write_bytes(FORGED[case](tmp_path / "trapped"))
    trial: Any = SimpleNamespace(
        config={RUN: encode_run(Run(4, {}, 0, 1, 0, 9))},
        pickled_error_file=str(tmp_path / "error.pkl"),
    )
    bridge = Bridge()
    Adapter(bridge).on_trial_error(None, trial)
    loss = bridge.inbox.get_nowait()
    assert isinstance(loss, Loss)
    assert kind_of(loss) in ("node_lost", "preempted")
    assert not (tmp_path / "trapped").exists()


def test_a_loss_of_which_ray_left_nothing_is_a_lost_node() -> None:
    trial: Any = SimpleNamespace(config={RUN: encode_run(Run(4, {}, 0, 1, 0, 9))})
    bridge = Bridge()
    Adapter(bridge).on_trial_error(None, trial)
    loss = bridge.inbox.get_nowait()
    assert isinstance(loss, Loss)
    assert kind_of(loss) == "node_lost"
    assert "ended unexpectedly" in loss.text


def test_an_outcome_travels_through_tune_with_what_it_tells_of_rows() -> None:
    told = Evaluated(4, 2, 100, bytes(range(256)))
    failure = Failure("bug", "ZeroDivisionError")
    said = Outcome(4, 1, ((2, {"val_loss": 0.5}),), failure=failure, evaluated=(told,))
    assert decode_outcome(encode_outcome(said)) == said
