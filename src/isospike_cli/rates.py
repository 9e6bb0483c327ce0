"""Commands about many codings of one network, and about where a network makes its error."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from isospike.codings import METHODS
from isospike.data import Data
from isospike.engine import load
from isospike.errors import InvalidSetting
from isospike.importers import read
from isospike.measure import diagnose
from isospike.report import Row, applicable, choose, compare, pareto
from isospike_cli.options import File, Inputs, Json, ModelName, Thousand, model_of, progress
from isospike_cli.tables import keep_table, out, show_rows

SHOWN = ("accuracy", "agreement", "relative_error", "spikes_per_neuron", "bits", "synaptic_operations", "energy_pj")
Codings = Annotated[list[str], typer.Option("--coding", help="Compare these only; all that apply unless given.")]
Longest = Annotated[int, typer.Option("--steps", min=1, help="The most time steps.")]
Range = Annotated[
    tuple[float, float] | None,
    typer.Option("--range", metavar="LOW HIGH", help="The range that inputs lie in; else the data's."),
]


def compare_command(
    model: ModelName,
    inputs: Thousand,
    coding: Codings = [],  # noqa: B006  # what the command line's library asks for; nobody writes to it
    steps: Longest = 64,
    within: Annotated[
        float, typer.Option(help="Each coding is shown at its cheapest T within so many points of the original.")
    ] = 0.5,
    input_range: Range = None,
    directory: Annotated[
        Path | None, typer.Option("--out", help="Folder for the table (CSV, JSON) and the plot (PNG).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Every applicable coding and method on one network: accuracy, agreement, error, latency, spikes, operations,
    energy."""
    test, rows = _compared(model, inputs, coding, steps, input_range, as_json)
    if directory is not None:
        picture = pareto(rows, f"{Path(model).name} on {test.name}")
        keep_table([row.as_dict() for row in rows], directory, "compare", picture)
    if as_json:
        typer.echo(json.dumps({"rows": [row.as_dict() for row in rows]}))
        return
    best = [
        _best([row for row in rows if row.coding == name], within)
        for name in dict.fromkeys(row.coding for row in rows)
    ]
    show_rows([_shown(row) for row in best], f"{model} on {test.name}, {len(test)} samples")
    first = rows[0]
    accuracy = "" if first.accuracy_original is None else f"accuracy {first.accuracy_original:.4g}, "
    out.print(
        f"original: {accuracy}energy {first.energy_original_pj:.4g} pJ; each coding at its cheapest T within "
        f"{within:g} points, else at its last"
    )


def choose_command(
    model: ModelName,
    inputs: Thousand,
    within: Annotated[float, typer.Option(help="Points of accuracy that may be lost.")] = 0.5,
    coding: Codings = [],  # noqa: B006  # as above
    steps: Longest = 64,
    input_range: Range = None,
    as_json: Json = False,
) -> None:
    """The coding and T of least energy within so many points of the original."""
    test, rows = _compared(model, inputs, coding, steps, input_range, as_json)
    chosen = choose(rows, within)
    if as_json:
        typer.echo(json.dumps(chosen.as_dict()))
        return
    show_rows([_shown(chosen)], f"cheapest within {within:g} points on {test.name}, {len(test)} samples")
    settings: dict[str, object] = {
        "coding": chosen.coding,
        "steps": chosen.steps,
        "preprocess": inputs.preprocess,
    }
    settings |= {"data-dir": inputs.data_dir, "size": inputs.size}
    words = ["isospike", "convert", str(model), "--data", inputs.data]
    for key, value in settings.items():
        words += [] if value is None else [f"--{key}", str(value)]
    words += [] if input_range is None else ["--range", *map(str, input_range)]
    out.print(shlex.join([*words, "--out", "FILE"]), highlight=False, soft_wrap=True)


def diagnose_command(
    file: File,
    inputs: Inputs,
    steps: Annotated[int | None, typer.Option(min=1, help="T; the network's own unless given.")] = None,
    as_json: Json = False,
) -> None:
    """Where the error of a rate-coded network is made, layer by layer, and by what: on 200 samples unless more are
    asked for."""
    network = load(file)
    test = inputs.of(network, False).first(inputs.samples or 200)
    with progress("diagnosing", len(test), as_json) as advance:
        findings = diagnose(network, test.batches(), steps, progress=advance)
    if as_json:
        typer.echo(json.dumps({"layers": [finding.as_dict() for finding in findings]}))
        return
    shares = ("total", "inherited", "made", "clipping", "resolution", "order")
    rows = [
        {"layer": f.name, "neurons": f.neurons}
        | {key: f"{getattr(f, key) / max(f.scale, 1e-300):.2%}" for key in shares}
        for f in findings
    ]
    show_rows(rows, f"{file.name} on {test.name}: rms error, in per cent of the layer's rms activation")
    for finding in findings:
        if finding.advice:
            worst = ", ".join(f"{channel} ({mechanism})" for channel, _, mechanism in finding.worst)
            out.print(f"{finding.name}: {finding.advice}; worst channels {worst}", highlight=False)


def _compared(
    model: str, inputs: Inputs, names: list[str], steps: int, declared: tuple[float, float] | None, quiet: bool
) -> tuple[Data, list[Row]]:
    """The data that codings were compared on, and the rows."""
    if unknown := set(names) - set(METHODS):
        raise InvalidSetting(
            f"coding `{unknown.pop()}` is not known.",
            f"Known: {', '.join(METHODS)}.",
            "Choose some of these: --coding.",
        )
    source, train, test = model_of(model), inputs.open(True).first(1000), inputs.open(False).first(inputs.samples)
    codings = {name: METHODS[name] for name in names} or applicable(read(source, next(iter(train))), METHODS)
    with progress("comparing", len(codings), quiet) as advance:
        started: list[str] = []

        def next_one(name: str) -> None:
            advance(1 if started else 0)
            started.append(name)

        return test, compare(source, train, list(test.batches()), codings, steps, declared, next_one)


def _shown(row: Row) -> dict[str, object]:
    latency = f"{row.windows} windows" if row.steps is None else f"{row.steps} steps"
    return {"coding": row.coding, "latency": latency} | {key: row.as_dict()[key] for key in SHOWN}


def _best(rows: list[Row], within: float) -> Row:
    try:
        return choose(rows, within)
    except InvalidSetting:
        return rows[-1]
