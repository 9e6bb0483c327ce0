"""A chart of a page: its option is plain JSON as ECharts has it, with what static/chart.js adds."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Option = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """One chart, or several of which a reader chooses.

    | field     | meaning                                                                      |
    |-----------|------------------------------------------------------------------------------|
    | `said`    | what is to be seen, in a sentence: read out where the chart cannot be seen   |
    | `options` | by name of the choice; one under any name where there is nothing to choose   |
    | `choice`  | what is chosen: "sample"                                                     |
    | `height`  | pixels                                                                       |
    """

    said: str
    options: Mapping[str, Option]
    choice: str = ""
    height: int = 300

    @classmethod
    def of(cls, said: str, series: Sequence[Option], x: Option, y: Option, height: int = 300, **more: Any) -> "Chart":
        """A chart of series on a pair of axes."""
        named = [one["name"] for one in series if "name" in one]
        legend: dict[str, Any] = {"legend": {}} if len(named) > 1 else {}
        return cls(
            said, {"": {"xAxis": x, "yAxis": y, "series": list(series), "tooltip": {}} | legend | more}, "", height
        )


def packed(columns: Sequence[np.ndarray]) -> dict[str, Any]:
    """Numbers for a series: rows of so many columns as base64 of float32."""
    flat = np.stack([np.asarray(one, dtype="<f4") for one in columns], 1)
    return {"packed": base64.b64encode(flat.tobytes()).decode(), "columns": len(columns)}


def line(name: str, x: Sequence[float], y: Sequence[float], ink: int, **more: Any) -> dict[str, Any]:
    """A line with its points."""
    data = [list(pair) for pair in zip(x, y, strict=True)]
    symbols = ("circle", "rect", "triangle", "diamond", "pin", "roundRect")
    return {"type": "line", "name": name, "data": data, "ink": ink, "symbol": symbols[ink % 6], "symbolSize": 7} | more
