"""Where the error is made, layer by layer, and by which mechanism."""

from isospike.measure.diagnose import MECHANISMS
from isospike.report.case import Case, Section
from isospike.web import Chart

PARTS = ("inherited", *MECHANISMS)


def mechanisms(case: Case) -> Section | None:
    """Bars a layer: what it inherits, and what it makes by clipping, resolution and order."""
    if not case.findings:
        return None
    names = [one.name for one in case.findings]
    series = [
        {
            "type": "bar",
            "name": part,
            "ink": k,
            "barMaxWidth": 16,
            "data": [getattr(one, part) / max(one.scale, 1e-12) * 100 for one in case.findings],
            "tip": f"{{name}}, {part}: {{0}} % of the activations",
        }
        for k, part in enumerate(PARTS)
    ]
    chart = Chart.of(
        "Error of each layer by mechanism.",
        series,
        {"type": "category", "data": names},
        {"type": "value", "name": "rms error [% of rms activation]", "nameGap": 44},
    )
    rows = [
        {"layer": one.name, "activations, rms": one.scale, "error": one.total}
        | {part: getattr(one, part) for part in PARTS}
        | {"advice": one.advice or "–"}
        for one in case.findings
    ]
    said = (
        "Root mean squares.  Clipping: rates saturate, or a threshold is wrong.  Resolution: a rate over T steps has "
        "T + 1 values.  Order: spikes come bunched, too early or too late.  Inherited: from the layers before."
    )
    return Section("Where the error is made", (said,), (chart,), rows=rows)
