"""Commands about one network: convert, run, check, inspect; and the papers'."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from isospike.cli.hardware import Bits, Jitter, LatencyOption, Mismatch, NoiseOption, TimeStepsOption, averaged, constraints, on_hardware
from isospike.cli.options import (
    SIMULATORS,
    CodingName,
    DataDir,
    DataName,
    Dtype,
    EncoderName,
    File,
    Initial,
    Json,
    Mapping,
    Margin,
    ModelName,
    Neuron,
    Normalisation,
    Normalize,
    Outside,
    PoolName,
    Range,
    Samples,
    Scale,
    Size,
    Steps,
    Windows,
    coding,
    converted,
    data_for,
    mean_and_deviation,
    model_of,
    notes,
    progress,
)  # fmt: skip
from isospike.cli.tables import cell, err, out, show_figures, show_report, show_rows
from isospike.data import open_data
from isospike.engine import SpikingNetwork, load, save
from isospike.errors import InvalidSetting
from isospike.importers import original, read
from isospike.measure import compare, curve, differing_spikes, measure
from isospike.passes import canonical
from isospike.simulate import EventDriven, Stepped


def convert_command(
    model: ModelName,
    data: DataName,
    output: Annotated[Path, typer.Option("--out", help="File to write.")],
    name: CodingName = "ttfs",
    mapping: Mapping = None,
    margin: Margin = None,
    windows: Windows = None,
    scale: Scale = None,
    outside: Outside = "error",
    steps: Steps = None,
    neuron: Neuron = None,
    normalise: Normalisation = None,
    encoder: EncoderName = None,
    pool: PoolName = None,
    initial: Initial = None,
    dtype: Dtype = "float32",
    samples: Samples = 1000,
    input_range: Range = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    as_json: Json = False,
) -> None:
    """Convert a trained network; windows and ranges are calibrated on the training split where there is one."""
    ttfs = {"mapping": mapping, "margin": margin, "windows": windows, "scale": scale}
    rate = {"steps": steps, "neuron": neuron, "normalise": normalise, "encoder": encoder, "pool": pool, "initial": initial}
    train = open_data(data, True, data_dir, mean_and_deviation(normalize), size).first(samples)
    network = converted(model_of(model), train, coding(name, ttfs, rate, outside), input_range, dtype)
    save(network, output)
    notes(network)
    if as_json:
        typer.echo(json.dumps({"file": str(output), "stages": len(network.stages), "latency": network.latency, "coding": network.body.coding}))
        return
    err.print(f"wrote {output}: {len(network.stages)} stages, latency {network.latency:.4g}")


def run_command(
    file: File,
    data: DataName,
    samples: Samples = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    show_curve: Annotated[bool, typer.Option("--curve", help="Everything at T = 1, 2, 4, … in one pass, for rate codes.")] = False,
    time_steps: TimeStepsOption = None,
    weight_bits: Bits = None,
    jitter: Jitter = None,
    latency: LatencyOption = None,
    mismatch: Mismatch = None,
    weight_noise: NoiseOption = None,
    trials: Annotated[int, typer.Option(min=1, help="Draws of what is random, on the hardware or in the input; figures are their means.")] = 1,
    seed: int = 0,
    as_json: Json = False,
) -> None:
    """Run a spiking network, on ideal hardware or as the options describe it: accuracy, spikes, latency, synaptic operations, energy."""
    network = load(file)
    if hardware := constraints(time_steps, weight_bits, jitter, latency, mismatch, weight_noise):
        train = data_for(network, data, True, data_dir, normalize, size).first(1000)
        chips = on_hardware(network, hardware, [x.to(network.dtype) for x in train], trials, seed)
    elif trials > 1 and (show_curve or not network.body.steps or network.body.encoder.constant):
        what = f"--trials {trials} {'of a curve are not averaged' if show_curve else 'would all be the same'}."
        raise InvalidSetting(what, "--trials with --jitter and the like, or of a network whose input neurons send spikes at random.", "Leave it out.")
    else:
        chips = [network] * trials
    test = data_for(network, data, False, data_dir, normalize, size).first(samples)
    if show_curve:
        with progress("running", len(test), as_json) as advance:
            moments = [moment.as_dict() for moment in curve(network, test.batches(), seed=seed, progress=advance)]
        if as_json:
            typer.echo(json.dumps({"curve": moments}))
        else:
            show_rows(moments, f"{file.name} on {test.name}")
        return
    with progress("running", len(test) * len(chips), as_json) as advance:
        drawn = [Stepped(seed=seed + trial) if network.body.steps else None for trial in range(trials)]
        figures = averaged([measure(chip, test.batches(), simulator, advance) for chip, simulator in zip(chips, drawn, strict=True)])
    if as_json:
        typer.echo(json.dumps(figures))
        return
    show_figures(figures, f"{file.name} on {test.name}")


def check_command(
    model: ModelName,
    data: DataName,
    name: CodingName = "ttfs",
    mapping: Mapping = None,
    margin: Margin = None,
    windows: Windows = None,
    scale: Scale = None,
    outside: Outside = "error",
    steps: Steps = None,
    neuron: Neuron = None,
    normalise: Normalisation = None,
    encoder: EncoderName = None,
    pool: PoolName = None,
    initial: Initial = None,
    dtype: Dtype = "float32",
    simulator: Annotated[list[str], typer.Option(help="closed-form and event-driven, both unless given; stepped for rate codes.")] = [],  # noqa: B006
    memory: Annotated[float | None, typer.Option(metavar="GB", help="Of event-driven: the most that its synapses may take; 6 unless given.")] = None,
    samples: Samples = None,
    input_range: Range = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    size: Size = None,
    as_json: Json = False,
) -> None:
    """Convert, then compare with the original: values, predictions, every layer, in every simulator that fits."""
    if unknown := set(simulator) - set(SIMULATORS):
        raise InvalidSetting(f"simulator `{unknown.pop()}` is not known.", f"Known: {', '.join(SIMULATORS)}.", "Choose one with --simulator.")
    ttfs = {"mapping": mapping, "margin": margin, "windows": windows, "scale": scale}
    rate = {"steps": steps, "neuron": neuron, "normalise": normalise, "encoder": encoder, "pool": pool, "initial": initial}
    source = model_of(model)
    train = open_data(data, True, data_dir, mean_and_deviation(normalize), size).first(1000)
    test = open_data(data, False, data_dir, mean_and_deviation(normalize), size).first(samples)
    network = converted(source, train, coding(name, ttfs, rate, outside), input_range, dtype)
    first = next(iter(train))
    graph = read(source, first)
    with progress("checking", len(test), as_json) as advance:
        oracle = canonical(graph.with_range(network.body.encoder.low, network.body.encoder.high), network.body.signed)
        usual = ["stepped"] if network.body.steps else ["closed-form", "event-driven"]
        chosen = [SIMULATORS[key] for key in dict.fromkeys(simulator or usual)]
        if memory is not None:
            if not any(isinstance(one, EventDriven) for one in chosen):
                what = f"--memory {memory:g} is no setting of {', '.join(one.name for one in chosen)}."
                raise InvalidSetting(what, "--memory with --simulator event-driven.", "Leave it out.")
            chosen = [EventDriven(memory) if isinstance(one, EventDriven) else one for one in chosen]
        report = compare(original(source, graph, first, network.dtype), oracle, network, test.batches(), chosen, advance)
    notes(network)
    online = network.body.steps and not any(stage.neuron.whole for stage in network.stages)
    more = {"differing_spikes": differing_spikes(network, next(iter(test.first(10))))} if online else {}
    if as_json:
        typer.echo(json.dumps(report.as_dict() | more))
        return
    show_report(report, f"{model} on {test.name}")
    if more:
        out.print(f"spikes that differ from the plain loop in float64, over 10 samples: {more['differing_spikes']:.2e}", highlight=False)


def inspect_command(file: File, as_json: Json = False) -> None:
    """Show a spiking network's stages: neurons, synapses, weights, thresholds, windows, delays."""
    from isospike.measure.inspect import inspect

    network = load(file)
    stages = inspect(network)
    if as_json:
        typer.echo(json.dumps({"stages": stages, "coding": network.body.coding, **_about(network)}))
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("stage", "neurons", "synapses", "weights", "thresholds", "window", "bound", "delays"):
        table.add_column(heading, justify="left" if heading == "stage" else "right", no_wrap=heading != "stage")
    for row in stages:
        extents = ("…".join(f"{end:.3g}" for end in row[key]) for key in ("weights", "thresholds"))
        delays = ", ".join(f"{delay:.4g}" for delay in row["delays"])
        bound = "" if row["ratio"] is None else f"{row['ratio']:.3g} ×"
        table.add_row(*(cell(row[key]) for key in ("name", "neurons", "synapses")), *extents, cell(row["window"]), bound, delays)
    out.print(table)
    out.print(network.body.coding, highlight=False)
    for constraint in network.body.constraints:
        out.print(f"on hardware: {constraint!r}", highlight=False)
    if (kept := network.body.preprocessing) is not None:
        crop = "" if kept.size is None else f", size {kept.size}"
        out.print(f"inputs: {kept.data}, mean {list(kept.mean)}, std {list(kept.std)}{crop}, {len(kept.classes)} class names", highlight=False)
    out.print("bound: the largest activation that any input in the declared range can cause, over the one that the window was made for", highlight=False)


def _about(network: SpikingNetwork) -> dict[str, object]:
    kept = network.body.preprocessing
    return {"constraints": list(map(repr, network.body.constraints)), "preprocessing": None if kept is None else asdict(kept)}


COMMANDS: dict[str, Callable[..., None]] = {
    "convert": convert_command,
    "run": run_command,
    "check": check_command,
    "inspect": inspect_command,
}
