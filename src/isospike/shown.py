"""What objects show of themselves: a line, or a small table, as text and in a notebook."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Protocol, TypeVar


class Figured(Protocol):
    """What has figures by name."""

    def as_dict(self) -> Mapping[str, Any]:
        """Plain values."""


T = TypeVar("T", bound=Figured)


class Records(list[T]):
    """A list of results that shows itself as a table: a row each, a column a figure."""

    def __repr__(self) -> str:
        return text([one.as_dict() for one in self])

    def _repr_html_(self) -> str:
        return html([one.as_dict() for one in self])


def text(rows: Sequence[Mapping[str, Any]], title: str = "") -> str:
    """A table as text, with a line above it; columns that have no figure are left out."""
    columns = _columns(rows)
    lines = []
    for at in range(len(rows) + 1 if columns else 0):
        cells = [
            column[at].ljust(max(map(len, column))) if left else column[at].rjust(max(map(len, column)))
            for column, left in columns
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([title] * bool(title) + lines)


def html(rows: Sequence[Mapping[str, Any]], title: str = "") -> str:
    """The same for a notebook."""
    head, *body = zip(*(column for column, _ in _columns(rows)), strict=True) if rows else ((),)
    above = f"<p>{escape(title)}</p>" if title else ""
    lines = "".join(f"<tr>{_tagged('td', row)}</tr>" for row in body)
    return f"{above}<table><thead><tr>{_tagged('th', head)}</tr></thead><tbody>{lines}</tbody></table>"


def cell(value: Any) -> str:
    """A figure in four digits, large ones whole and thousands apart; what is not there is a dash."""
    match value:
        case None:
            return "–"
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
        case tuple() | list():
            return " ".join(map(cell, value)) or "–"
    return str(value)


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[tuple[list[str], bool]]:
    """Head and cells of each column, and whether it is one of words."""
    keys = [key for key in (rows[0] if rows else ()) if any(row[key] is not None for row in rows)]
    words = [any(isinstance(row[key], str | tuple | list) for row in rows) for key in keys]
    return [
        ([key.replace("_", " "), *(cell(row[key]) for row in rows)], left)
        for key, left in zip(keys, words, strict=True)
    ]


def _tagged(tag: str, cells: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escape(one)}</{tag}>" for one in cells)
