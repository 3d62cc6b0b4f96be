"""Which names of its configuration a user's code reads, watched as it runs."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any


class Watched(dict[str, Any]):
    """A configuration that notes what is asked of it; the code that has it sees a dict.

    Attributes:
        read: names that were asked for, there or not.
        is_whole: it was copied, iterated, unpacked, merged, compared or stored as a whole: nobody
            knows what of it is read.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.read: set[str] = set()
        self.is_whole = False

    # -- one name ----------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def __delitem__(self, name: str) -> None:
        self.read.add(name)
        super().__delitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self.read.add(name)
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().setdefault(name, default)

    # -- the whole ---------------------------------------------------------------------------
    # `dict(config)`, `{**config}` and `f(**config)` ask a subclass with its own `__iter__` for
    # `keys`, where they would copy a plain dict unseen.

    def __iter__(self) -> Iterator[str]:
        self.is_whole = True
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        self.is_whole = True
        return super().__reversed__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        self.is_whole = True
        return super().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        self.is_whole = True
        return super().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        self.is_whole = True
        return super().items()

    def popitem(self) -> tuple[str, Any]:
        self.is_whole = True
        return super().popitem()

    def copy(self) -> dict[str, Any]:
        return self._plain()

    def __copy__(self) -> dict[str, Any]:
        return self._plain()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        import copy

        return copy.deepcopy(self._plain(), memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (self._plain(),)

    def __or__(self, other: Any) -> Any:
        return self._plain() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._plain()

    def __eq__(self, other: object) -> bool:
        return self._plain() == other

    def __ne__(self, other: object) -> bool:
        return self._plain() != other

    __hash__ = None

    def _plain(self) -> dict[str, Any]:
        self.is_whole = True
        return {name: super(Watched, self).__getitem__(name) for name in super().__iter__()}
