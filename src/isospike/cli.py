"""The command line.  Names become objects here and nowhere else."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import nn

from isospike.codings import TTFS
from isospike.convert import convert
from isospike.data import Data, open_data
from isospike.errors import InvalidModel, InvalidSetting, IsospikeError
from isospike.importers import Model, original, read
from isospike.measure import Report, compare, measure
from isospike.network import SpikingNetwork, load, save
from isospike.passes import canonical
from isospike.simulate import ClosedForm, EventDriven, Simulator

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Trained ReLU networks as spiking networks that compute the same thing."
)
out, err = Console(), Console(stderr=True)

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="An ONNX file, a torch.export archive (.pt2), or package.module:factory.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A spiking network written by `isospike convert`.")]
DataName = Annotated[str, typer.Option("--data", help="A torchvision name (mnist, cifar10, …), mnist-sample, an image folder, or an .npz with `images`.")]
DataDir = Annotated[Path | None, typer.Option(help="Where torchvision's data sets are; else $ISOSPIKE_DATA.")]
Normalize = Annotated[str | None, typer.Option(metavar="'MEAN… STD…'", help="Numbers a channel, after scaling pixels to [0, 1]: '0.1307 0.3081'.")]
Size = Annotated[int | None, typer.Option(help="Resize and crop a folder's images to this size.")]
Samples = Annotated[int | None, typer.Option(min=1, help="Use the first so many samples.")]
Range = Annotated[tuple[float, float] | None, typer.Option("--range", metavar="LOW HIGH", help="The range that inputs lie in; else the data's.")]
Mapping = Annotated[str, typer.Option(help="identical, fixed, positive or dynamic.")]
Margin = Annotated[float, typer.Option(help="ζ: by how much windows exceed the largest calibrated activation.")]
Windows = Annotated[str, typer.Option(help="calibrated (from data) or certified (for every input in the range).")]
Outside = Annotated[str, typer.Option(help="Inputs outside the range: error, or clip (and count).")]
Dtype = Annotated[str, typer.Option(help="float32 or float64.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
CodingName = Annotated[str, typer.Option("--coding", help="ttfs: time to first spike.")]

SIMULATORS: dict[str, Simulator] = {"closed-form": ClosedForm(), "event-driven": EventDriven()}
CODINGS: dict[str, Callable[..., Any]] = {"ttfs": TTFS}


@app.command("convert")
def convert_command(
    model: ModelName,
    data: DataName,
    output: Annotated[Path, typer.Option("--out", help="File to write.")],
    coding: CodingName = "ttfs",
    mapping: Mapping = "identical",
    margin: Margin = 0.5,
    windows: Windows = "calibrated",
    outside: Outside = "error",
    dtype: Dtype = "float32",
    samples: Samples = 1000,
    input_range: Range = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    as_json: Json = False,
) -> None:
    """Convert a trained network; windows are calibrated on the training split where there is one."""
    train = open_data(data, True, data_dir, _normalize(normalize), size).first(samples)
    network = _convert(_model(model), train, _coding(coding, mapping, margin, windows, outside), input_range, dtype)
    save(network, output)
    _notes(network)
    if as_json:
        typer.echo(json.dumps({"file": str(output), "stages": len(network.stages), "latency": network.latency, "coding": network.body.coding}))
        return
    err.print(f"wrote {output}: {len(network.stages)} stages, latency {network.latency:.4g}")


@app.command("run")
def run_command(
    file: File,
    data: DataName,
    samples: Samples = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    as_json: Json = False,
) -> None:
    """Run a spiking network: accuracy, spikes, latency, synaptic operations, energy."""
    network = load(file)
    test = open_data(data, False, data_dir, _normalize(normalize), size).first(samples)
    with _progress("running", len(test), as_json) as advance:
        figures = measure(network, test.batches(), progress=advance)
    if as_json:
        typer.echo(json.dumps(figures))
        return
    _figures(figures, f"{file.name} on {test.name}")


@app.command("check")
def check_command(
    model: ModelName,
    data: DataName,
    coding: CodingName = "ttfs",
    mapping: Mapping = "identical",
    margin: Margin = 0.5,
    windows: Windows = "calibrated",
    outside: Outside = "error",
    dtype: Dtype = "float32",
    simulator: Annotated[list[str], typer.Option(help="closed-form, event-driven; both unless given.")] = list(SIMULATORS),  # noqa: B006
    samples: Samples = None,
    input_range: Range = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    as_json: Json = False,
) -> None:
    """Convert, then compare with the original: values, predictions, every layer, in two simulators."""
    if unknown := set(simulator) - set(SIMULATORS):
        raise InvalidSetting(f"simulator `{unknown.pop()}` is not known.", f"Known: {', '.join(SIMULATORS)}.", "Choose one with --simulator.")
    source = _model(model)
    train = open_data(data, True, data_dir, _normalize(normalize), size).first(1000)
    test = open_data(data, False, data_dir, _normalize(normalize), size).first(samples)
    network = _convert(source, train, _coding(coding, mapping, margin, windows, outside), input_range, dtype)
    graph = read(source, next(iter(train)))
    with _progress("checking", len(test), as_json) as advance:
        oracle = canonical(graph.with_range(network.body.encoder.low, network.body.encoder.high))
        chosen = [SIMULATORS[name] for name in dict.fromkeys(simulator)]
        report = compare(original(source, graph, network.dtype), oracle, network, test.batches(), chosen, advance)
    _notes(network)
    if as_json:
        typer.echo(json.dumps(report.as_dict()))
        return
    _report(report, f"{model} on {test.name}")


@app.command("inspect")
def inspect_command(file: File, as_json: Json = False) -> None:
    """Show a spiking network's stages: neurons, synapses, weights, thresholds, windows, delays."""
    from isospike.measure.inspect import inspect

    network = load(file)
    stages = inspect(network)
    if as_json:
        typer.echo(json.dumps({"stages": stages, "coding": network.body.coding}))
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("stage", "neurons", "synapses", "weights", "thresholds", "window", "bound", "delays"):
        table.add_column(heading, justify="left" if heading == "stage" else "right", no_wrap=heading != "stage")
    for row in stages:
        extents = ("…".join(f"{end:.3g}" for end in row[key]) for key in ("weights", "thresholds"))
        delays = ", ".join(f"{delay:.4g}" for delay in row["delays"])
        bound = "" if row["ratio"] is None else f"{row['ratio']:.3g} ×"
        table.add_row(*(_cell(row[key]) for key in ("name", "neurons", "synapses")), *extents, _cell(row["window"]), bound, delays)
    out.print(table)
    out.print(network.body.coding, highlight=False)
    out.print("bound: the largest activation that any input in the declared range can cause, over the one that the window was made for", highlight=False)


@app.command("reproduce")
def reproduce_command(
    name: Annotated[str | None, typer.Argument(help="Such as stanojevic2023-table2.1.")] = None,
    show: Annotated[bool, typer.Option("--list", help="List what can be reproduced.")] = False,
    full: Annotated[bool, typer.Option(help="Full-size networks, however long they take.")] = False,
    samples: Samples = None,
    seed: int = 0,
    directory: Annotated[Path, typer.Option("--out", help="Where the figures, tables and docs/reproduction.md's source go.")] = Path("results"),
    data_dir: DataDir = None,
) -> None:
    """Reproduce a table or figure of a paper: paper and measured side by side, CSV and PNG."""
    from isospike.experiments import EXPERIMENTS, reproduce

    if show or name is None:
        for key, module in EXPERIMENTS.items():
            out.print(f"{key:32} {(module.__doc__ or '').splitlines()[0]}", highlight=False)
        return
    if name not in EXPERIMENTS:
        raise InvalidSetting(f"`{name}` is not known.", f"Known: {', '.join(EXPERIMENTS)}.", "Choose one of these: isospike reproduce --list.")
    reproduce(name, directory, samples=samples, seed=seed, full=full, data_dir=data_dir, console=out)


def _notes(network: SpikingNetwork) -> None:
    for note in network.body.notes:
        err.print(f"note: {note}")


def _model(name: str) -> Model:
    """The model that a name stands for.  Never unpickles."""
    path = Path(name)
    if path.suffix in (".onnx", ".pt2"):
        return path
    if ":" in name and not path.exists():
        return _made(*name.split(":", 1))
    reason = (
        "is a pickle, which can run any code when it is opened, so it is not"
        if path.suffix in (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt")
        else "is not a model that can be read, so it was not"
    )
    raise InvalidModel(
        f"`{name}` {reason} loaded.",
        "An .onnx file, a torch.export archive (.pt2), or package.module:factory.",
        "Load it in your own code and pass `package.module:factory`, or export it: torch.export.save(torch.export.export(model, (x,)), 'model.pt2').",
    )


def _made(module: str, factory: str) -> nn.Module:
    supported = "package.module:factory, importable from here: a function without arguments that returns an nn.Module."
    try:
        made = getattr(importlib.import_module(module), factory)()
    except Exception as error:  # it is the user's code
        raise InvalidModel(
            f"`{module}:{factory}` cannot be had: {type(error).__name__}: {error}", supported, "Call it in a Python session to see where."
        ) from error
    if not isinstance(made, nn.Module):
        raise InvalidModel(f"`{module}:{factory}` returned a {type(made).__name__}.", supported, "Return the model itself.")
    return made


def _coding(name: str, mapping: str, margin: float, windows: str, outside: str) -> TTFS:
    if name not in CODINGS:
        raise InvalidSetting(f"coding `{name}` is not known.", f"Known: {', '.join(CODINGS)}.", "Choose one of these: --coding.")
    made: TTFS = CODINGS[name](mapping=mapping, margin=margin, windows=windows, outside=outside)
    return made


def _convert(model: Model, train: Data, coding: TTFS, declared: tuple[float, float] | None, dtype: str) -> SpikingNetwork:
    if dtype not in ("float32", "float64"):
        raise InvalidSetting(f"dtype `{dtype}` is not known.", "float32, float64.", "Choose one of these: --dtype.")
    with err.status("converting"):
        return convert(model, train, coding, _range(train, declared), getattr(torch, dtype))


def _range(train: Data, declared: tuple[float, float] | None) -> Any:
    return declared if declared is not None else train.input_range()


def _normalize(text: str | None) -> Any:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    half = len(numbers) // 2
    if not half or len(numbers) % 2:
        raise InvalidSetting(f"--normalize '{text}' cannot be read.", "'MEAN… STD…', as many of one as of the other.", "For MNIST: '0.1307 0.3081'.")
    return tuple(numbers[:half]), tuple(numbers[half:])


@contextmanager
def _progress(label: str, total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    with Progress(TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err, transient=True, disable=quiet) as bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _figures(figures: dict[str, Any], title: str) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for key, value in figures.items():
        table.add_row(key.replace("_", " "), "–" if value is None else _cell(value))
    out.print(table)


def _report(report: Report, title: str) -> None:
    table = Table(title=title, title_justify="left")
    for heading in ("layer", "neurons", "largest error", "active", "window"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for layer in report.layers:
        table.add_row(layer.name, f"{layer.neurons:,}", f"{layer.max_abs_error:.2e}", f"{layer.active_fraction:.1%}", f"{layer.window:.4g}")
    out.print(table)
    rows = {key: value for key, value in report.as_dict().items() if key not in ("layers", "simulators")}
    rows |= {f"largest error, {name}": f"{error:.2e}" for name, error in report.simulators.items()}
    _figures(rows, "whole network")


def main() -> None:
    """Entry point: an error is three lines, not a traceback."""
    sys.path.append("")  # a factory may lie in the current folder
    try:
        app()
    except IsospikeError as error:
        err.print(f"{type(error).__name__}: {error}", markup=False, highlight=False, style="red", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("interrupted; nothing was half-written.")
        sys.exit(130)
