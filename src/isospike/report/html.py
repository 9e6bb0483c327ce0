"""A report as one HTML file that needs nothing beside it: it opens from disk, with the network off."""

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isospike.report.case import Case, Section
from isospike.report.sections import SECTIONS
from isospike.report.verdict import verdict
from isospike.shown import cell
from isospike.web import embedded, static

if TYPE_CHECKING:
    import jinja2

LONG = 28  # characters of a cell that may be broken into lines
TEMPLATES = Path(__file__).parent / "templates"


def html(case: Case) -> str:
    """The file's text."""
    found = [made for section in SECTIONS if (made := section(case)) is not None]
    charts: list[dict[str, Any]] = []
    parts = [_part(section, charts) for section in found]
    return _template().render(
        title=case.title,
        verdict=verdict(case),
        parts=parts,
        charts=embedded(charts),
        look=static("look.css") + (TEMPLATES / "report.css").read_text(encoding="utf-8"),
        scripts=[static("echarts.js"), static("chart.js"), (TEMPLATES / "report.js").read_text(encoding="utf-8")],
    )


def _part(section: Section, charts: list[dict[str, Any]]) -> dict[str, Any]:
    """What the template reads of a section; its charts join those of the page."""
    placed = []
    for chart in section.charts:
        placed.append({"number": len(charts), "chart": chart, "names": list(chart.options)})
        charts.append({"options": list(chart.options.values())})
    keys = [
        key for key in (section.rows[0] if section.rows else ()) if any(r.get(key) is not None for r in section.rows)
    ]
    words = set(keys[:1]) | {
        key for key in keys if any(isinstance(row.get(key), str) and not _number(row[key]) for row in section.rows)
    }
    return {
        "section": section,
        "name": section.title.lower().replace(" ", "-"),
        "charts": placed,
        "columns": keys,
        "words": words,
        "long": {key for key in words if any(len(str(row.get(key))) > LONG for row in section.rows)},
        "cells": [[cell(row.get(key)) for key in keys] for row in section.rows],
        "pictures": [
            (f"data:image/png;base64,{base64.b64encode(one.png).decode()}", one.said) for one in section.pictures
        ],
    }


def _number(text: str) -> bool:
    return text.rstrip(" %").replace(".", "").replace(",", "").isdigit() or text == "–"


@cache
def _template() -> "jinja2.Template":
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return made.get_template("report.html.j2")
