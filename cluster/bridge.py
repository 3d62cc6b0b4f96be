"""What Tune's thread, which asks and waits, and the controller's thread, which answers, share."""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import dataclass, field

from lanewise.search.control.executor import Order, Outcome
from lanewise.search.core.sweep import Run


@dataclass(frozen=True)
class Want:
    """Tune has room and asks for a run."""


@dataclass(frozen=True)
class Loss:
    """The worker process of an attempt is gone; nobody waits for an answer.

    Attributes:
        text: what Ray says of its end.
        is_preempted: whether Ray says that its node was taken away.
    """

    run: Run
    text: str
    is_preempted: bool


@dataclass
class Bridge:
    """Between Tune's thread, which asks and waits, and the controller's, which answers."""

    inbox: queue.Queue[Want | Outcome | Loss | BaseException] = field(default_factory=queue.Queue)
    answers: queue.Queue[Run | Order | None] = field(default_factory=queue.Queue)
    is_closed: threading.Event = field(default_factory=threading.Event)

    def __reduce__(self) -> tuple[type[Bridge], tuple[()]]:
        # Tune pickles its parts into a file for a restore of its own, which is never made.
        return Bridge, ()

    def ask(self, question: Want | Outcome) -> Run | Order | None:
        """Called in Tune's thread; None when there is nothing, or the executor has closed."""
        if self.is_closed.is_set():
            return None
        self.inbox.put(question)
        while not self.is_closed.is_set():
            with contextlib.suppress(queue.Empty):
                return self.answers.get(timeout=0.2)
        return None
