"""Reading what Ray's memory monitor says; the words are those of Ray 2.60."""

from __future__ import annotations

from lanewise.cluster.memory import is_low_memory, largest_process

TEXT = """2 worker(s) were killed due to the node running low on memory.
OOM kill reason: Memory usage 3647782912B exceeded threshold of 3575080448B (14.1% of 25276063744B)
Considered workers: [
Selected to kill: (Actor(a588e8bbd6): job ID=01000000, lease ID=0000000034f0, task
name=ResourceTrainable.__init__, required resources={CPU: 1}, pid=30234, actual memory used=0.39GB,
worker ID=c1923399ab)
Selected to kill: (Actor(b588e8bbd6): job ID=01000000, lease ID=0000000034f1, task
name=ResourceTrainable.__init__, required resources={CPU: 1}, pid=30235, actual memory used=12.9GB,
worker ID=c1923399ac)
] Top 10 memory users: PID MEM(GB) COMMAND 29955 99.39 python -m something.else"""


def test_of_several_workers_the_largest_is_named() -> None:
    assert is_low_memory(TEXT)
    assert largest_process(TEXT) == 30235


def test_other_ends_of_workers_have_nothing_to_do_with_memory() -> None:
    text = "The actor died unexpectedly before finishing this task. pid: 30234"
    assert not is_low_memory(text)
    assert largest_process(text) is None
