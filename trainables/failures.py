"""Which kind of failure an exception of a trial is; works whether or not torch is imported."""

from __future__ import annotations

from lanewise.trainables.errors import BadValue

OUT_OF_MEMORY = "out_of_memory"
BAD_VALUE = "bad_value"
BUG = "bug"

# What torch, CUDA, cuBLAS and C++ say when an allocation fails; lower case.
_ALLOCATION = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "failed to allocate",
    "alloc_failed",
    "bad_alloc",
)


def failure_kind(exc: BaseException) -> str:
    """`out_of_memory`, `bad_value` or `bug`.

    torch.OutOfMemoryError is known by its name, so that torch need not be imported to ask.
    """
    if isinstance(exc, BadValue):
        return BAD_VALUE
    if isinstance(exc, MemoryError) or _is_torch_out_of_memory(exc):
        return OUT_OF_MEMORY
    text = str(exc).lower()
    if isinstance(exc, RuntimeError | OSError) and any(words in text for words in _ALLOCATION):
        return OUT_OF_MEMORY
    return BUG


def _is_torch_out_of_memory(exc: BaseException) -> bool:
    return any(
        cls.__name__ == "OutOfMemoryError" and cls.__module__.partition(".")[0] == "torch"
        for cls in type(exc).__mro__
    )
