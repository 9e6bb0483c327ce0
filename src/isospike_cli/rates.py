"""Commands about many codings of one network, and about where a network makes its error."""

import json
import shlex
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from isospike import store
from isospike.codings import METHODS
from isospike.convert import Conversion
from isospike.data import Data
from isospike.engine import load
from isospike.errors import InvalidFile, InvalidSetting, first_line
from isospike.importers import read
from isospike.measure import Prices, diagnose
from isospike.plot import pareto
from isospike.report import Row, applicable, choose, compared
from isospike_cli.options import (
    File,
    Inputs,
    Json,
    ModelName,
    Positive,
    Thousand,
    device_of,
    digest,
    model_of,
    progress,
)
from isospike_cli.outputs import Overwrite, Written, replaceable, writable
from isospike_cli.priced import USUALLY, prices_of
from isospike_cli.tables import err, keep_table, out, short_line, show_rows

SHOWN = ("accuracy", "agreement", "relative_error", "spikes_per_neuron", "bits", "synaptic_operations", "energy_ratio")


@dataclass(frozen=True)
class Compared:
    """
    | field     | meaning                                                                          |
    |-----------|----------------------------------------------------------------------------------|
    | `methods` | these only: ttfs,rate,kim2020; all that apply unless given                       |
    | `steps`   | the most time steps                                                              |
    | `range`   | LOW HIGH, the range that inputs lie in; else the data's                          |
    | `device`  | where spikes are computed: cpu, cuda, mps                                        |
    | `prices`  | of operations: 45nm, han2023, loihi, or a .toml file with synaptic_operation = … in pJ |
    """

    methods: str | None = None
    steps: Positive = 64
    range: tuple[float, float] | None = None
    device: str = "cpu"
    prices: str = USUALLY

    @cached_property
    def priced(self) -> Prices:
        """The prices."""
        return prices_of(self.prices)


def compare_command(
    model: ModelName,
    inputs: Thousand,
    compared_ones: Compared,
    within: Annotated[
        float, typer.Option(help="Each coding is shown at its cheapest T within so many points of the original.")
    ] = 0.5,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for the table (CSV, JSON) and the plot (PNG), written as methods are done."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in that folder.")] = False,
    overwrite: Overwrite = False,
    report: Written = None,
    as_json: Json = False,
) -> None:
    """Every applicable coding and method on one network: accuracy, agreement, error, latency, spikes, operations,
    energy.

    Example: isospike compare isospike.zoo:lenet5 --data mnist-sample --samples 50 --methods ttfs,signed --steps 8
    --out comparison
    """
    writable(report)
    test, rows = _compared(model, inputs, compared_ones, as_json, directory, resume, overwrite)
    if report is not None:
        from isospike_cli.reporting import Case, command, settings, write

        said = settings(network=model, data=test.name, samples=len(test), **asdict(compared_ones), seed=0)
        write(Case(f"{model} on {test.name}", command(), said, rows=rows, prices=compared_ones.priced), report)
    if as_json:
        typer.echo(json.dumps({"rows": [row.as_dict() for row in rows], "prices": str(compared_ones.priced)}))
        return
    best = [
        _best([row for row in rows if row.coding == name], within)
        for name in dict.fromkeys(row.coding for row in rows)
    ]
    show_rows([_shown(row) for row in best], f"{model} on {test.name}, {len(test)} samples")
    first = rows[0]
    accuracy = "" if first.accuracy_original is None else f"accuracy {first.accuracy_original:.4g}, "
    out.print(
        f"original: {accuracy}energy {first.energy_original_nj:.4g} nJ; energies are shares of it; each "
        f"coding at its cheapest T within {within:g} points, else at its last\nprices: {compared_ones.priced}",
        highlight=False,
    )


def choose_command(
    model: ModelName,
    inputs: Thousand,
    compared_ones: Compared,
    within: Annotated[float, typer.Option(help="Points of accuracy that may be lost.")] = 0.5,
    as_json: Json = False,
) -> None:
    """The coding and T of least energy within so many points of the original.

    Example: isospike choose isospike.zoo:lenet5 --data mnist-sample --samples 50 --methods ttfs,signed --steps 8
    --within 2
    """
    test, rows = _compared(model, inputs, compared_ones, as_json)
    chosen = choose(rows, within)
    if as_json:
        typer.echo(json.dumps(chosen.as_dict() | {"prices": str(compared_ones.priced)}))
        return
    show_rows([_shown(chosen)], f"cheapest within {within:g} points on {test.name}, {len(test)} samples")
    out.print(f"prices: {compared_ones.priced}", highlight=False)
    settings: dict[str, object] = {
        "coding": chosen.coding,
        "steps": chosen.steps,
        "preprocess": inputs.preprocess,
    }
    settings |= {"data-dir": inputs.data_dir, "size": inputs.size}
    words = ["isospike", "convert", str(model), "--data", inputs.data]
    for key, value in settings.items():
        words += [] if value is None else [f"--{key}", str(value)]
    words += [] if compared_ones.range is None else ["--range", *map(str, compared_ones.range)]
    out.print(shlex.join([*words, "--out", "FILE"]), highlight=False, soft_wrap=True)


def diagnose_command(
    file: File,
    inputs: Inputs,
    steps: Annotated[int | None, typer.Option(min=1, help="T; the network's own unless given.")] = None,
    as_json: Json = False,
) -> None:
    """Where the error of a rate-coded network is made, layer by layer, and by what: on 200 samples unless more are
    asked for.

    Example: isospike convert isospike.zoo:lenet5 --data mnist-sample --coding rate --steps 16 --out
    rate.safetensors && isospike diagnose rate.safetensors --data mnist-sample --samples 50
    """
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
    model: str,
    inputs: Inputs,
    chosen: Compared,
    quiet: bool,
    directory: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> tuple[Data, list[Row]]:
    """The data that codings were compared on, and the rows; each method's are written into the folder when it is
    done."""
    from matplotlib.figure import Figure

    device = device_of(chosen.device)
    names = [name for part in (chosen.methods or "").split(",") if (name := part.strip())]
    if unknown := set(names) - set(METHODS):
        raise InvalidSetting(
            f"method `{unknown.pop()}` is not known.",
            f"Known: {', '.join(METHODS)}.",
            "Choose some of these: --methods.",
        )
    if resume and directory is None:
        raise InvalidSetting("--resume goes on with a folder.", "--out FOLDER --resume.", "Name the folder: --out.")
    source, train, test = model_of(model), inputs.open(True).first(1000), inputs.open(False).first(inputs.samples)
    codings = {name: METHODS[name] for name in names} or applicable(read(source, next(iter(train))), METHODS)
    settings = {"model": model, "weights": digest(source), **asdict(inputs), **asdict(chosen)}
    settings |= {"samples": len(test), "prices": str(chosen.priced)}
    del settings["methods"], settings["device"]  # others may be measured later, and elsewhere
    settings = json.loads(json.dumps(settings, default=str))
    rows = [] if directory is None else _begun(directory, settings, resume, overwrite)
    done = dict.fromkeys(row.coding for row in rows)
    left = {name: coding for name, coding in codings.items() if name not in done}
    batches = list(test.batches())
    with progress("reading", len(left), quiet) as advance:
        conversion = cache(lambda: Conversion(source, train, chosen.range))  # not read where nothing is left
        for name, coding in left.items():
            advance(0, name)
            found = compared(conversion(), name, coding, batches, chosen.steps, chosen.priced, device)
            rows += found
            if directory is not None:
                keep_table([row.as_dict() for row in rows], directory, "compare")
            if not quiet:
                err.print(short_line(_shown(found[-1])), highlight=False, soft_wrap=True)
            advance(1)
    everything = [row for name in {**codings, **done} for row in rows if row.coding == name]
    rows = [row for row in everything if row.coding in codings]
    if directory is not None:
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        axes = pareto(everything, figure.subplots())
        axes.set_title(f"{Path(model).name} on {test.name}, {len(test):,} samples", loc="left", fontsize=10)
        keep_table([row.as_dict() for row in everything], directory, "compare", figure)
        err.print(f"wrote {directory}/compare.csv, .json, .png, .svg", highlight=False)
    return test, rows


def _begun(directory: Path, settings: dict[str, Any], resume: bool, overwrite: bool) -> list[Row]:
    """The rows that are in the folder already.  Raises `InvalidSetting` where they were measured otherwise."""
    table, about = directory / "compare.json", directory / "run.json"
    if not resume:
        replaceable(table, overwrite, "--resume goes on with it")
    elif not table.exists():
        err.print(f"note: there is nothing in {directory} to go on with; it begins anew.", highlight=False)
    rows: list[Row] = []
    if resume and table.exists():
        try:
            kept = json.loads(about.read_text())
            rows = [Row(**row) for row in json.loads(table.read_text())]
        except (OSError, ValueError, TypeError) as error:
            what = f"`{directory}` cannot be gone on with: {first_line(error)}."
            raise InvalidFile(what, "A folder that `isospike compare --out` wrote.", "Leave --resume out.") from error
        if other := [key for key in settings if kept.get(key) != settings[key]]:
            raise InvalidSetting(
                f"`{directory}` was measured with {other[0]} = {kept.get(other[0])}, not {settings[other[0]]}.",
                "The settings in its run.json.",
                "Choose another folder, or --overwrite.",
            )
    if not resume:  # rows of other settings are not to be gone on with, should this stop before the first is there
        for kind in ("json", "csv", "png", "svg"):
            (directory / f"compare.{kind}").unlink(missing_ok=True)
    store.write(store.folder(directory) / "run.json", json.dumps(settings, indent=1))
    return rows


def _shown(row: Row) -> dict[str, object]:
    latency = f"{row.windows} windows" if row.steps is None else f"T = {row.steps}"
    return {"coding": row.coding, "latency": latency} | {key: row.as_dict()[key] for key in SHOWN}


def _best(rows: list[Row], within: float) -> Row:
    try:
        return choose(rows, within)
    except InvalidSetting:
        return rows[-1]
