"""The files that pages are made of: charts (Apache ECharts, Apache-2.0, with its notice beside it), looks."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "static"


@cache
def static(name: str) -> str:
    """The text of a file: echarts.js, chart.js, look.css."""
    return (FOLDER / name).read_text(encoding="utf-8")


def embedded(value: Any) -> str:
    """JSON that may stand inside a script element, whatever text is in it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
