"""How figures are shown in the terminal."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from isospike import store
from isospike.measure import Report
from isospike.shown import cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# No emoji: `file.py:factory:` has one in it.
out, err = Console(emoji=False), Console(stderr=True, emoji=False)


LABELS = {  # what figures are called in tables, with their units
    "accuracy": "accuracy",
    "accuracy_original": "accuracy of the original",
    "accuracy_sd": "standard deviation of the accuracy",
    "active_fraction": "neurons that fire",
    "spikes_per_neuron": "spikes a neuron",
    "synaptic_operations": "synaptic operations a sample",
    "macs": "multiply-accumulates of the input a sample",
    "macs_original": "multiply-accumulates of the original a sample",
    "energy_ratio": "energy, spiking : original",
    "energy_spiking_nj": "energy a sample, spiking [nJ]",
    "energy_original_nj": "energy a sample, original [nJ]",
    "seconds": "took [s]",
    "max_abs_error": "largest error of an output",
    "rms_error": "rms error of outputs",
    "logit_scale": "largest output",
}
SHARES = ("accuracy", "accuracy_original", "accuracy_sd", "agreement", "active_fraction", "relative_error")
MANY = 8  # columns that fit into 80 characters with room between them
SHORT = {  # where there are many columns
    "steps": "T",
    "accuracy": "acc %",
    "accuracy_original": "original %",
    "agreement": "agree %",
    "relative_error": "error %",
    "max_abs_error": "max error",
    "spikes_per_neuron": "spikes",
    "active_fraction": "active %",
    "synaptic_operations": "SOPs",
    "macs": "MACs",
    "energy_ratio": "energy",
    "energy_spiking_nj": "nJ",
    "energy_nj": "nJ",
    "energy_original_nj": "nJ original",
}


def show_figures(figures: Mapping[str, Any], title: str, latency: str = "τ") -> None:
    """A figure a line.  latency: its unit."""
    table = Table(title=title, title_justify="left", show_header=False)
    for key, value in figures.items():
        name = f"latency [{latency}]" if key == "latency" else LABELS.get(key, key.replace("_", " "))
        table.add_row(escape(name), f"{100 * value:.4g} %" if _is_share(key, value) else cell(value))
    out.print(table)


def _is_share(key: str, value: Any) -> bool:
    return key in SHARES and isinstance(value, float)


def _short(value: Any) -> str:
    """A number in three digits, thousands as letters."""
    if not isinstance(value, float) or not math.isfinite(value):
        return cell(value)
    if 1e3 <= abs(value) < 1e4:
        return f"{value:,.0f}"
    power = max(0, min(4, int(math.log10(abs(value)) // 3))) if abs(value) >= 1e4 else 0
    return f"{value / 1000**power:.3g}{' kMGT'[power].strip()}"


def _shown(key: str, value: Any) -> str:
    """A share in per cent, small ones in three digits; others short."""
    return f"{100 * value:.{3 if value < 0.1 else 4}g}" if _is_share(key, value) else _short(value)


def show_rows(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """A column a key; those without any figure are left out."""
    keys = [key for key in rows[0] if any(row[key] is not None for row in rows)]
    gap = int(len(keys) <= MANY)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False)
    for key in keys:
        words = isinstance(rows[0][key], str)
        table.add_column(escape(SHORT.get(key, key)), no_wrap=True, justify="left" if words else "right")
    for row in rows:
        table.add_row(*(_shown(key, row[key]) for key in keys))
    out.print(table)


def show_columns(columns: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """A column for each, and a row for each figure that one of them has."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for key in next(iter(columns.values())):
        found = [figures[key] for figures in columns.values()]
        if any(value is not None for value in found):
            table.add_row(escape(key), *map(_said, found))
    out.print(table)


def _said(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else _short(value)


def show_report(report: Report, title: str, latency: str = "τ") -> None:
    """A table of the layers, and figures of the whole.  latency: its unit."""
    table = Table(title=title, title_justify="left")
    for heading in ("layer", "neurons", "largest error", "active", f"window [{latency}]"):
        table.add_column(escape(heading), justify="left" if heading == "layer" else "right")
    for layer in report.layers:
        table.add_row(
            layer.name,
            f"{layer.neurons:,}",
            f"{layer.max_abs_error:.2e}",
            f"{layer.active_fraction:.1%}",
            f"{layer.window:.4g}",
        )
    out.print(table)
    real = ("rmse", "rmse_original", "r2", "r2_original") if report.rmse is None else ("accuracy", "accuracy_original")
    rows = {
        key: one for key, one in report.as_dict().items() if key not in ("layers", "simulators", "simulated", *real)
    }
    for name, error in report.simulators.items():
        few = f", first {report.simulated[name]:,} samples" if report.simulated[name] < report.samples else ""
        rows[f"largest error, {name}{few}"] = f"{error:.2e}"
    show_figures(rows, "whole network", latency)


def short_line(row: Mapping[str, Any]) -> str:
    """A row in a line: what is there of it."""
    return ", ".join(
        value if isinstance(value, str) else f"{SHORT.get(key, key)} {_shown(key, value)}"
        for key, value in row.items()
        if value is not None
    )


def keep_table(rows: Sequence[Mapping[str, Any]], directory: Path, name: str, figure: "Figure | None" = None) -> None:
    """Write NAME.csv, .json and, where there is a figure, .png and .svg into a folder."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    store.folder(directory)
    store.write(directory / f"{name}.json", json.dumps(rows, indent=1))
    store.write(directory / f"{name}.csv", text.getvalue())
    if figure is None:
        return
    for kind in ("png", "svg"):
        picture = io.BytesIO()
        figure.savefig(picture, format=kind, dpi=150)
        store.write(directory / f"{name}.{kind}", picture.getvalue())
