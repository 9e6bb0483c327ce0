"""Commands about one network: convert, run, check, inspect."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from isospike.constraints import Constraint
from isospike.data import Data
from isospike.engine import SpikingNetwork, load, save
from isospike.errors import InvalidSetting
from isospike.export import shift_add
from isospike.measure import checked, curve, differing_spikes, measure
from isospike.measure.inspect import inspect
from isospike.simulate import EventDriven, Simulator, Stepped
from isospike_cli.options import (
    HARDWARE,
    SIMULATORS,
    CodingOptions,
    Declared,
    Device,
    File,
    Hardware,
    Inputs,
    Json,
    ModelName,
    Thousand,
    Trials,
    coding_of,
    constraints,
    device_of,
    model_of,
    notes,
    progress,
)
from isospike_cli.outputs import Written, writable
from isospike_cli.priced import USUALLY, Priced, prices_of
from isospike_cli.tables import cell, err, out, show_figures, show_report, show_rows
from isospike_cli.trials import averaged, on_hardware
from isospike_cli.whole import in_integers

Output = Annotated[Path, typer.Option("--out", help="File to write.")]
Curve = Annotated[bool, typer.Option("--curve", help="Everything at T = 1, 2, 4, … in one pass, for rate codes.")]
Simulators = Annotated[
    list[str], typer.Option(help="closed-form and event-driven, both unless given; stepped for rate codes.")
]
EVENTS = 200  # samples that are integrated event by event, which is slow, if another simulator runs all
Events = Annotated[
    int | None,
    typer.Option("--events", min=1, help=f"Samples that are integrated event by event: {EVENTS}, or all if alone."),
]
SMALL = 32  # samples a batch, so that there is something to see soon
Memory = Annotated[
    float | None,
    typer.Option(
        metavar="GB",
        help=f"Of event-driven: the most that its synapses may take; {EventDriven().memory:g} unless given.",
    ),
]
# How a network reckons
ARITHMETIC: dict[str, Callable[[SpikingNetwork], SpikingNetwork]] = {
    "float": lambda network: network,
    "shift-add": shift_add,
    "integer": lambda network: in_integers(network).network,
}
Arithmetic = Annotated[
    str, typer.Option(help="float; integer, whole numbers; of networks of units shift-add, without multiplications.")
]


def convert_command(
    model: ModelName,
    output: Output,
    inputs: Thousand,
    coding: CodingOptions,
    declared: Declared,
    as_json: Json = False,
) -> None:
    """Convert a trained network; windows and ranges are calibrated on the training split where there is one.

    Example: isospike convert isospike.zoo:lenet5 --data mnist-sample --out lenet.safetensors
    """
    train = inputs.open(True).first(inputs.samples)
    network = declared.conversion(model_of(model), train).network(coding_of(coding), declared.precision)
    save(network, output)
    notes(network)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "file": str(output),
                    "stages": len(network.stages),
                    "latency": network.latency,
                    "coding": network.body.coding,
                }
            )
        )
        return
    err.print(f"wrote {output}: {len(network.stages)} stages, latency {network.latency:.4g} {_unit(network)}")


def run_command(
    file: File,
    inputs: Inputs,
    hardware: Hardware,
    draws: Trials,
    show_curve: Curve = False,
    arithmetic: Arithmetic = "float",
    device: Device = "cpu",
    report: Written = None,
    prices: Priced = USUALLY,
    as_json: Json = False,
) -> None:
    """Run a spiking network, on ideal hardware or as the options describe it: accuracy, spikes, latency, synaptic
    operations, energy.

    Example: isospike run lenet.safetensors --data mnist-sample --samples 100 --jitter 0.1 --trials 2
    """
    if arithmetic not in ARITHMETIC:
        raise InvalidSetting(
            f"arithmetic `{arithmetic}` is not known.", f"{', '.join(ARITHMETIC)}.", "Choose one: --arithmetic."
        )
    writable(report)
    priced, network, trials, seed = prices_of(prices), load(file), draws.trials, draws.seed
    if show_curve and trials > 1:
        raise InvalidSetting(
            f"--trials {trials} of a curve are not averaged.", "--trials without --curve.", "Leave one of them out."
        )
    if wanted := _meant(network, constraints(hardware)):
        train = inputs.of(network, True).first(1000)
        chips = on_hardware(network, wanted, [x.to(network.dtype) for x in train], trials, seed)
    elif trials > 1 and (not network.body.steps or network.body.encoder.constant):
        raise InvalidSetting(
            f"--trials {trials} would all be the same.",
            "--trials with --jitter and the like, or of a network whose input neurons send spikes at random.",
            "Leave it out.",
        )
    else:
        chips = [network] * trials
    chips = [ARITHMETIC[arithmetic](chip).to(device_of(device)) for chip in chips]
    test = inputs.of(network, False).first(inputs.samples)
    if show_curve:
        with progress("running", len(test), as_json) as advance:
            found = curve(chips[0], test.batches(), seed=seed, progress=advance, prices=priced)
        if report is not None:
            _reported(report, file, chips[0], test, arithmetic, trials, seed, prices=priced, moments=found)
        moments = [moment.as_dict() for moment in found]
        if as_json:
            typer.echo(json.dumps({"curve": moments, "prices": str(priced)}))
        else:
            show_rows(moments, f"{file.name} on {test.name}")
            out.print(f"prices: {priced}", highlight=False)
        return
    with progress("running", len(test) * len(chips), as_json) as advance:
        drawn = [Stepped(seed=seed + trial) if network.body.steps else None for trial in range(trials)]
        runs = zip(chips, drawn, strict=True)
        figures = averaged([measure(chip, test.batches(), one, advance, priced) for chip, one in runs])
    if report is not None:
        _reported(report, file, chips[0], test, arithmetic, trials, seed, prices=priced, figures=figures)
    if as_json:
        typer.echo(json.dumps(figures))
        return
    show_figures(figures, f"{file.name} on {test.name}", _unit(network))


def _reported(
    path: Path, file: Path, network: SpikingNetwork, test: Data, arithmetic: str, trials: int, seed: int, **found: Any
) -> None:
    """Write the report of a run."""
    from isospike_cli.reporting import case, write

    on = ", ".join(map(repr, network.body.constraints)) or None
    said = {"hardware": on, "arithmetic": arithmetic, "trials": trials, "seed": seed}
    write(case(file, network, test, said, **found), path)


def _meant(network: SpikingNetwork, given: list[Constraint]) -> list[Constraint]:
    """The constraints that the options ask for, and those that the network was tuned for, is not on already, and the
    options do not replace; prints a note for each of the latter."""
    kinds, on = {type(one): one for one in given}, {type(one) for one in network.body.constraints}
    tuned = [one for one in network.body.tuned_for if type(one) not in on]
    for one in tuned:
        if type(one) in kinds:
            err.print(f"note: {kinds[type(one)]!r} in place of {one!r}, which it was tuned for", highlight=False)
        else:
            err.print(f"note: on what it was tuned for, {one!r}", highlight=False)
    kept = [one for one in tuned if type(one) not in kinds]
    order = [kind for kind, _ in HARDWARE.values()]
    return sorted([*kept, *given], key=lambda one: order.index(type(one)) if type(one) in order else len(order))


def check_command(
    model: ModelName,
    inputs: Inputs,
    coding: CodingOptions,
    declared: Declared,
    simulator: Simulators = [],  # noqa: B006  # what the command line's library asks for; nobody writes to it
    events: Events = None,
    memory: Memory = None,
    device: Device = "cpu",
    written: Written = None,
    as_json: Json = False,
) -> None:
    """Convert, then compare with the original: values, predictions, every layer, in every simulator that fits.

    Example: isospike check isospike.zoo:lenet5 --data mnist-sample --samples 100 --events 20
    """
    writable(written)
    if unknown := set(simulator) - set(SIMULATORS):
        raise InvalidSetting(
            f"simulator `{unknown.pop()}` is not known.",
            f"Known: {', '.join(SIMULATORS)}.",
            "Choose one with --simulator.",
        )
    conversion = declared.conversion(model_of(model), inputs.open(True).first(1000))
    test = inputs.open(False).first(inputs.samples)
    network = conversion.network(coding_of(coding), declared.precision).to(device_of(device))
    usual = ["stepped"] if network.body.steps else ["closed-form", "event-driven"]
    if network.device.type != "cpu" and usual[1:] and not simulator:
        err.print(f"note: {usual.pop()} runs on the CPU only, and is left out", highlight=False)
    chosen = _within([SIMULATORS[key] for key in dict.fromkeys(simulator or usual)], memory)
    most = events or (EVENTS if len(chosen) > 1 else None)
    original, exact = conversion.original(network.dtype), conversion.exact(network.body.signed).to(network.dtype)
    del conversion  # in double precision its weights are the most that is held
    with progress("checking", len(test), as_json) as advance:
        report = checked(original, exact, network, test.batches(SMALL), chosen, advance, most)
    notes(network)
    if written is not None:
        from isospike_cli.reporting import case, disagreeing, write

        differing = disagreeing(network, original, test, chosen[0])
        write(case(model, network, test, {"seed": 0}, found=report, differing=differing), written)
    online = network.body.steps and not any(stage.neuron.whole for stage in network.stages)
    more = {"differing_spikes": differing_spikes(network, next(iter(test.first(10))))} if online else {}
    if as_json:
        typer.echo(json.dumps(report.as_dict() | more))
        return
    show_report(report, f"{model} on {test.name}", _unit(network))
    if more:
        out.print(
            f"spikes that differ from the plain loop in float64, over 10 samples: {more['differing_spikes']:.2e}",
            highlight=False,
        )


def _unit(network: SpikingNetwork) -> str:
    """Of its latency."""
    return "steps" if network.body.steps else "τ"


def _within(chosen: list[Simulator], memory: float | None) -> list[Simulator]:
    """The simulators with this limit of memory.  Raises `InvalidSetting` if none has one."""
    if memory is None:
        return chosen
    if not any(isinstance(one, EventDriven) for one in chosen):
        what = f"--memory {memory:g} is no setting of {', '.join(one.name for one in chosen)}."
        raise InvalidSetting(what, "--memory with --simulator event-driven.", "Leave it out.")
    return [EventDriven(memory) if isinstance(one, EventDriven) else one for one in chosen]


def inspect_command(file: File, as_json: Json = False) -> None:
    """Show a spiking network's stages: neurons, synapses, weights, thresholds, windows, delays.

    Example: isospike inspect lenet.safetensors
    """
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
        table.add_row(
            *(cell(row[key]) for key in ("name", "neurons", "synapses")), *extents, cell(row["window"]), bound, delays
        )
    out.print(table)
    out.print(network.body.coding, highlight=False)
    for row in stages:
        if row["about"]:
            out.print(f"{row['name']}: {row['neuron']}, {row['about']}", highlight=False, markup=False)
    for said, of in (("on hardware", network.body.constraints), ("tuned for", network.body.tuned_for)):
        for constraint in of:
            out.print(f"{said}: {constraint!r}", highlight=False)
    if (kept := network.body.preprocessing) is not None:
        crop = "" if kept.size is None else f", size {kept.size}"
        out.print(
            f"inputs: {kept.data}, mean {list(kept.mean)}, std {list(kept.std)}{crop}, {len(kept.classes)} class "
            "names",
            highlight=False,
        )
    out.print(
        "bound: the largest activation that any input in the declared range can cause, over the one that the window "
        "was made for",
        highlight=False,
    )


def _about(network: SpikingNetwork) -> dict[str, object]:
    kept = network.body.preprocessing
    return {
        "constraints": list(map(repr, network.body.constraints)),
        "tuned_for": list(map(repr, network.body.tuned_for)),
        "preprocessing": None if kept is None else asdict(kept),
    }
