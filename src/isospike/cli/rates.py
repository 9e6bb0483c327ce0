"""Commands about many codings of one network, and about where a network makes its error."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from isospike import store
from isospike.cli.options import (
    DataDir,
    DataName,
    File,
    Json,
    ModelName,
    Normalize,
    Range,
    Samples,
    Size,
    data_for,
    declared_range,
    mean_and_deviation,
    model_of,
    progress,
)
from isospike.cli.tables import err, out, show_rows
from isospike.codings import METHODS
from isospike.data import Data, open_data
from isospike.engine import load
from isospike.errors import InvalidSetting
from isospike.importers import Model, read
from isospike.measure import diagnose
from isospike.report import Row, applicable, choose, compare, pareto

SHOWN = ("accuracy", "agreement", "relative_error", "spikes_per_neuron", "bits", "synaptic_operations", "energy_pj")
Codings = Annotated[list[str], typer.Option("--coding", help="Compare these only; all that apply unless given.")]
Longest = Annotated[int, typer.Option("--steps", min=1, help="The most time steps.")]


def compare_command(
    model: ModelName,
    data: DataName,
    coding: Codings = [],  # noqa: B006
    steps: Longest = 64,
    within: Annotated[float, typer.Option(help="Each coding is shown at its cheapest T within so many points of the original.")] = 0.5,
    samples: Samples = 1000,
    input_range: Range = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    directory: Annotated[Path | None, typer.Option("--out", help="Folder for the table (CSV, JSON) and the plot (PNG).")] = None,
    as_json: Json = False,
) -> None:
    """Every applicable coding and method on one network: accuracy, agreement, error, latency, spikes, operations, energy."""
    source = model_of(model)
    train, test = _data(data, data_dir, normalize, size, samples)
    rows = _compared(source, train, test, coding, steps, input_range, as_json)
    if directory is not None:
        _keep(rows, directory, f"{Path(model).name} on {test.name}")
    if as_json:
        typer.echo(json.dumps({"rows": [row.as_dict() for row in rows]}))
        return
    best = [_best([row for row in rows if row.coding == name], within) for name in dict.fromkeys(row.coding for row in rows)]
    show_rows([_shown(row) for row in best], f"{model} on {test.name}, {len(test)} samples")
    first = rows[0]
    accuracy = "" if first.accuracy_original is None else f"accuracy {first.accuracy_original:.4g}, "
    out.print(f"original: {accuracy}energy {first.energy_original_pj:.4g} pJ; each coding at its cheapest T within {within:g} points, else at its last")


def choose_command(
    model: ModelName,
    data: DataName,
    within: Annotated[float, typer.Option(help="Points of accuracy that may be lost.")] = 0.5,
    coding: Codings = [],  # noqa: B006
    steps: Longest = 64,
    samples: Samples = 1000,
    input_range: Range = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    as_json: Json = False,
) -> None:
    """The coding and T of least energy within so many points of the original."""
    train, test = _data(data, data_dir, normalize, size, samples)
    chosen = choose(_compared(model_of(model), train, test, coding, steps, input_range, as_json), within)
    if as_json:
        typer.echo(json.dumps(chosen.as_dict()))
        return
    show_rows([_shown(chosen)], f"cheapest within {within:g} points on {test.name}, {len(test)} samples")
    settings = {"coding": chosen.coding, "steps": chosen.steps, "normalize": normalize and f"'{normalize}'", "data-dir": data_dir, "size": size}
    given = [f"--{key} {value}" for key, value in settings.items() if value is not None]
    given += [] if input_range is None else [f"--range {input_range[0]} {input_range[1]}"]
    out.print(f"isospike convert {model} --data {data} {' '.join(given)} --out FILE", highlight=False, soft_wrap=True)


def diagnose_command(
    file: File,
    data: DataName,
    steps: Annotated[int | None, typer.Option(min=1, help="T; the network's own unless given.")] = None,
    samples: Samples = 200,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    as_json: Json = False,
) -> None:
    """Where the error of a rate-coded network is made, layer by layer, and by what."""
    network = load(file)
    test = data_for(network, data, False, data_dir, normalize, size).first(samples)
    with progress("diagnosing", len(test), as_json) as advance:
        findings = diagnose(network, test.batches(), steps, progress=advance)
    if as_json:
        typer.echo(json.dumps({"layers": [finding.as_dict() for finding in findings]}))
        return
    shares = ("total", "inherited", "made", "clipping", "resolution", "order")
    rows = [{"layer": f.name, "neurons": f.neurons} | {key: f"{getattr(f, key) / max(f.scale, 1e-300):.2%}" for key in shares} for f in findings]
    show_rows(rows, f"{file.name} on {test.name}: rms error, in per cent of the layer's rms activation")
    for finding in findings:
        if finding.advice:
            worst = ", ".join(f"{channel} ({mechanism})" for channel, _, mechanism in finding.worst)
            out.print(f"{finding.name}: {finding.advice}; worst channels {worst}", highlight=False)


RATE_COMMANDS: dict[str, Callable[..., None]] = {"compare": compare_command, "choose": choose_command, "diagnose": diagnose_command}


def _data(data: str, data_dir: Path | None, normalize: str | None, size: int | None, samples: int | None) -> tuple[Data, Data]:
    train, test = (open_data(data, training, data_dir, mean_and_deviation(normalize), size) for training in (True, False))
    return train.first(1000), test.first(samples)


def _compared(source: Model, train: Data, test: Data, names: list[str], steps: int, declared: tuple[float, float] | None, quiet: bool) -> list[Row]:
    if unknown := set(names) - set(METHODS):
        raise InvalidSetting(f"coding `{unknown.pop()}` is not known.", f"Known: {', '.join(METHODS)}.", "Choose some of these: --coding.")
    codings = {name: METHODS[name] for name in names} or applicable(read(source, next(iter(train))), METHODS)
    with progress("comparing", len(codings), quiet) as advance:
        started: list[str] = []

        def next_one(name: str) -> None:
            advance(1 if started else 0)
            started.append(name)

        return compare(source, train, list(test.batches()), codings, steps, declared_range(train, declared), next_one)


def _shown(row: Row) -> dict[str, object]:
    latency = f"{row.windows} windows" if row.steps is None else f"{row.steps} steps"
    return {"coding": row.coding, "latency": latency} | {key: row.as_dict()[key] for key in SHOWN}


def _best(rows: list[Row], within: float) -> Row:
    try:
        return choose(rows, within)
    except InvalidSetting:
        return rows[-1]


def _keep(rows: list[Row], directory: Path, title: str) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0].as_dict()))
    writer.writeheader()
    writer.writerows(row.as_dict() for row in rows)
    store.folder(directory)
    store.write(directory / "compare.json", json.dumps([row.as_dict() for row in rows], indent=1))
    store.write(directory / "compare.csv", table.getvalue())
    store.write(directory / "compare.png", pareto(rows, title))
    err.print(f"wrote {directory}/compare.csv, .json, .png")
