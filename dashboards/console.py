"""The rich console that every view of ours draws on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from lanewise.search.plain import plain


class PlainConsole(Console):
    """A console on which a text can do nothing but be read.

    What rich itself sends to a terminal passes; of all text, only what ``plain`` leaves.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else plain(text, self.encoding), style, control)
