"""Circuits side by side: proofs, gates, periods and energies."""

from isospike.report.case import Case, Section
from isospike.report.circuits import COLUMNS, DEFINED
from isospike.web import Chart


def circuits(case: Case) -> Section | None:
    """A column a circuit, a row a figure; bars of energy × area where they are known."""
    if not case.circuits:
        return None
    names = [str(row["folder"]) for row in case.circuits]
    rows = [
        {"figure": said} | {name: _said(row.get(key)) for name, row in zip(names, case.circuits, strict=True)}
        for key, said in COLUMNS.items()
        if any(row.get(key) is not None for row in case.circuits)
    ]
    priced = [row for row in case.circuits if row.get("energy_area") is not None]
    charts = []
    if priced:
        series = [
            {
                "type": "bar",
                "name": name,
                "ink": k,
                "barMaxWidth": 28,
                "data": [float(row[key]) for row in priced],
                "tip": f"{{name}}, {name}: {{0}} pJ mm²",
            }
            for k, (key, name) in enumerate((("energy_area", "behind others"), ("energy_latency_area", "alone")))
        ]
        charts.append(
            Chart.of(
                "Energy × area of each circuit.",
                series,
                {"type": "category", "data": [str(row["folder"]) for row in priced]},
                {"type": "value", "name": "energy × area [pJ mm²]", "nameGap": 52},
            )
        )
    return Section(
        "Circuits", (f"Every vector was simulated and compared.  {DEFINED.capitalize()}.",), charts, rows=rows
    )


def _said(value: object) -> object:
    return ("yes" if value else "no") if isinstance(value, bool) else value
