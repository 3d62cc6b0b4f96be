"""What is counted, as Prometheus reads it (text format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """How many values lie up to each bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        cumulated = list(accumulate(self._counts))
        for bound, count in zip(self._bounds, cumulated, strict=False):
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f'{name}_bucket{{le="+Inf"}} {cumulated[-1]}'
        yield f"{name}_sum {self._sum:.9g}"
        yield f"{name}_count {cumulated[-1]}"


class Metrics:
    """Of one server, since it started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()  # by path and status
        self.rows = 0
        self.in_flight = 0
        self.reloads = 0
        self.failed_reloads = 0
        self.seconds = Histogram(_SECONDS)  # of requests to /predict
        self.together = Histogram(_SIZES)  # requests that were answered in one call

    def text(self, model: Mapping[str, str]) -> str:
        """
        Args:
            model: name and version of the one that is served.
        """
        return "\n".join(self._lines(model)) + "\n"

    def _lines(self, model: Mapping[str, str]) -> Iterator[str]:
        yield from _head("requests_total", "counter", "Answered requests.")
        for (path, status), count in sorted(self.requests.items()):
            labels = _labels({"path": path, "status": str(status)})
            yield f"lanewise_requests_total{labels} {count}"
        counted = {
            "rows_total": ("counter", "Rows that were predicted.", self.rows),
            "reloads_total": ("counter", "Models that replaced another.", self.reloads),
            "failed_reloads_total": (
                "counter",
                "Models that could not be loaded while another was served.",
                self.failed_reloads,
            ),
            "requests_in_flight": ("gauge", "Requests being answered.", self.in_flight),
        }
        for name, (kind, about, value) in counted.items():
            yield from _head(name, kind, about)
            yield f"lanewise_{name} {value}"
        yield from _head("predict_seconds", "histogram", "From a request to its answer.")
        yield from self.seconds.lines("lanewise_predict_seconds")
        yield from _head("batch_requests", "histogram", "Requests answered in one call.")
        yield from self.together.lines("lanewise_batch_requests")
        yield from _head("model_info", "gauge", "The model that is served.")
        yield f"lanewise_model_info{_labels(model)} 1"


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP lanewise_{name} {about}"
    yield f"# TYPE lanewise_{name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
