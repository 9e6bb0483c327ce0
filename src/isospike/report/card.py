"""A model card: what a report shows of a saved network, as Markdown with the front matter that model hubs read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from isospike.errors import InvalidSetting
from isospike.report.case import Case, Section
from isospike.report.sections import agreement, energy, settings, stages
from isospike.report.verdict import verdict
from isospike.shown import cell

TAGS = ("spiking-neural-network", "isospike")
SCORES = {"accuracy": "accuracy", "rmse": "RMSE", "r2": "R²"}
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$@]|:(?=//)|(?<=www)\.)")  # what Markdown reads as markup, links included
FENCE = "```"


def card(case: Case, name: str, digest: str, licence: str) -> str:
    """The card's text.  name: of the network's file.  digest: its SHA-256.  licence: as hubs call it: apache-2.0.
    Raises `InvalidSetting`."""
    if not licence.strip() or not licence.isprintable():
        raise InvalidSetting(f"licence {licence!r}.", "A name on one line.", "For example: apache-2.0, mit, other.")
    parts = (stages(case), _measured(case), agreement(case), energy(case), _inputs(case), _loading(name, digest))
    return "\n".join(
        [
            *_front(case, licence),
            "",
            f"# {plain(name)}",
            "",
            plain(verdict(case).said),
            *(line for part in (*parts, settings(case)) if part is not None for line in _section(part)),
            "",
        ]
    )


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join("".join(c if c.isprintable() else " " for c in text).split()))


def quoted(text: str) -> str:
    """Text as a string of YAML."""
    escaped = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(escaped)}"'


def _front(case: Case, licence: str) -> list[str]:
    lists = {"tags": TAGS, "metrics": [key for key in SCORES if case.figures.get(key) is not None]}
    listed = [f"{key}:\n" + "\n".join(f"- {quoted(v)}" for v in values) for key, values in lists.items() if values]
    return ["---", "library_name: isospike", f"license: {quoted(licence)}", *listed, "---"]


def _measured(case: Case) -> Section:
    """What an answer takes, and how many are right."""
    figures, data = case.figures, case.data
    rows = [{"figure": said, "value": figures.get(key)} for key, said in SCORES.items()]
    rows += [
        {"figure": "spikes a neuron", "value": figures.get("spikes_per_neuron")},
        {"figure": "share of the neurons that fire", "value": figures.get("active_fraction")},
        {"figure": f"latency [{case.unit}]", "value": figures.get("latency")},
        {"figure": "input values outside the range", "value": figures.get("inputs_outside_range")},
    ]
    of = f"{figures['samples']:,} samples" + ("" if data is None else f" of {data.name}")
    body = None if case.network is None else case.network.body
    on = [] if body is None or not body.constraints else [f"On this hardware: {_listed(body.constraints)}."]
    off = [] if body is None or not body.tuned_for else [f"Trained for {_listed(body.tuned_for)}, which is off here."]
    return Section(
        "Measured",
        (f"Over {of}, in {figures['dtype']}.", *on, *off),
        rows=[row for row in rows if row["value"] is not None],
    )


def _inputs(case: Case) -> Section | None:
    """What inputs the network expects, as its file says."""
    if case.network is None:
        return None
    body = case.network.body
    low, high, kept = float(body.encoder.low.min()), float(body.encoder.high.max()), body.preprocessing
    rows: list[Mapping[str, Any]] = [
        {"input": "shape of a sample", "value": " × ".join(map(str, body.encoder.shape))},
        {"input": "range after preprocessing", "value": f"{low:.6g} to {high:.6g}"},
    ]
    if kept is None:
        return Section("Inputs", ("The file does not say how its data were preprocessed.",), rows=rows)
    rows += [
        {"input": "data", "value": kept.data},
        {"input": "mean, subtracted from values in [0, 1]", "value": _numbers(kept.mean)},
        {"input": "standard deviation, divided by", "value": _numbers(kept.std)},
        {"input": "images resized and cropped to", "value": kept.size},
        {"input": "classes, in the order of the outputs", "value": "; ".join(kept.classes) or None},
    ]
    return Section("Inputs", rows=[row for row in rows if row["value"] is not None])


def _listed(records: Iterable[object]) -> str:
    return ", ".join(map(repr, records))


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def _loading(name: str, digest: str) -> Section:
    code = f"import isospike as iso\n\nnetwork = iso.load({name!r})\nscores = network(x)  # x: (samples, *shape)"
    said = "The file holds numbers and a JSON header; loading it runs no code of its own and fetches nothing."
    return Section("How to load it", (said, f"SHA-256 of the file: {digest}."), code=code)


def _section(part: Section) -> Iterable[str]:
    yield from ("", f"## {plain(part.title)}")
    for said in part.said:
        yield from ("", plain(said))
    if part.code:
        longest = max(map(len, re.findall("`+", part.code)), default=0)
        fence = "`" * max(len(FENCE), longest + 1)
        yield from ("", fence, part.code, fence)
    keys = [key for key in (part.rows[0] if part.rows else ()) if any(row.get(key) is not None for row in part.rows)]
    if keys:
        yield from ("", _row(map(plain, keys)), _row("---" for _ in keys))
        yield from (_row(plain(cell(row.get(key))) for key in keys) for row in part.rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
