"""Checks a spiking network against the network it was made from, value by value, layer by layer, in several
simulators."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.errors import InvalidData, InvalidModel, InvalidSetting
from isospike.ir.graph import Graph
from isospike.measure.agreement import Agreement
from isospike.measure.meter import Meter, stage_size
from isospike.network import Stage
from isospike.shown import html
from isospike.simulate import ClosedForm, EventDriven, Simulator, Stepped

Batches = Iterable[tuple[Tensor, Tensor | None]]


@dataclass(frozen=True)
class Layer:
    """What was found in one stage; errors are the largest over all simulators and in each, in units of the original's
    activations, the window in time."""

    name: str
    neurons: int
    max_abs_error: float
    errors: dict[str, float]
    active_fraction: float
    window: float


@dataclass(frozen=True, repr=False)
class Report:
    """Result of a check.  Errors are the worst over all simulators; shares are between 0 and 1; `simulators` has the
    largest error in each, and `simulated` how many samples it ran."""

    samples: int
    agreement: float
    max_abs_error: float
    rms_error: float
    logit_scale: float
    accuracy: float | None
    accuracy_original: float | None
    active_fraction: float
    spikes_per_neuron: float
    latency: float
    early_spikes: int
    inputs_outside_range: int
    layers: tuple[Layer, ...]
    simulators: dict[str, float]
    simulated: dict[str, int]
    dtype: str
    seconds: float
    rmse: float | None = None
    rmse_original: float | None = None
    r2: float | None = None
    r2_original: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        lines = [
            f"{self.samples:,} samples, {self.dtype}: agreement {self.agreement:.2%}, largest error "
            f"{self.max_abs_error:.3g} of outputs up to {self.logit_scale:.4g}",
            *(
                f"  {name}: largest error {error:.3g}"
                + (f" of the first {self.simulated[name]:,}" if self.simulated[name] < self.samples else "")
                for name, error in self.simulators.items()
            ),
            *([] if self.rmse is None else [f"  RMSE {self.rmse:.4g}, of the original {self.rmse_original:.4g}"]),
            f"  {self.spikes_per_neuron:.3f} spikes per neuron, latency {self.latency:.4g}, {self.early_spikes} early "
            "spikes",
            *(
                [f"  {self.inputs_outside_range:,} input values lay outside the range, and were clipped"]
                if self.inputs_outside_range
                else []
            ),
            *(
                f"  {layer.name}: {layer.neurons:,} neurons, largest error {layer.max_abs_error:.3g}, active "
                f"{layer.active_fraction:.1%}, window {layer.window:.4g}"
                for layer in self.layers
            ),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html([asdict(layer) for layer in self.layers], repr(self).split("\n  ")[0])


def checked(
    original: Callable[[Tensor], Tensor],
    graph: Graph,
    network: SpikingNetwork,
    batches: Batches,
    simulators: Sequence[Simulator] | None = None,
    progress: Callable[[int], None] | None = None,
    most: int | None = None,
) -> Report:
    """Check a network against `original` (outputs) and its canonical `graph` (layers) over batches of (samples,
    labels).

    simulators: `Stepped` for networks that fire step by step, else `ClosedForm` and, on the CPU, `EventDriven`, unless
    given.  Spikes are counted in the first, early ones in the one that has most.  most: samples that are integrated
    event by event, which is slow; all unless given.  Raises `InvalidData` if there is no sample, `InvalidSetting` for
    a simulator that would answer the network wrongly."""
    started = time.perf_counter()
    steps = network.body.steps
    simulators = suited(network, simulators)
    runs = [simulator.prepare(network) for simulator in simulators]
    meters = [Meter.of(network)]
    meters += [meters[0].again() for _ in simulators[1:]]
    oracle = graph.to(network.dtype)  # both originals run on the CPU, wherever the network is
    found = [Agreement() for _ in simulators]
    errors = [{stage.name: 0.0 for stage in network.stages} for _ in simulators]
    limits = [most if isinstance(simulator, EventDriven) else None for simulator in simulators]
    for batch, labels in batches:
        expected = original(batch.to(network.dtype))
        for run, agreement, meter, limit, worst in zip(runs, found, meters, limits, errors, strict=True):
            part = slice(None) if limit is None else slice(max(limit - meter.samples, 0))
            x, wanted, right = batch[part], expected[part], None if labels is None else labels[part]
            if not len(x):
                continue
            own = network.own(x)
            meter.input(own)
            values: dict[str, Tensor] = {}

            def watch(stage: Stage, code: Tensor, values: dict[str, Tensor] = values, meter: Meter = meter) -> None:
                values[stage.name] = stage.neuron.value(code).cpu()
                # A rate says how many spikes were sent and not taken back: all of them are counted apart.
                if not steps:
                    meter.watch(stage, code)

            agreement.add(run(own, watch, tally=meter.tally) if steps else run(own, watch), wanted, right)
            _layer_errors(oracle, x.to(network.dtype), values, worst)
        if progress is not None:
            progress(len(batch))
    if not meters[0].samples:
        raise InvalidData("there is no sample to check on.", "At least one.", "Pass some images of the test set.")
    first, meter, figures, names = simulators[0], meters[0], meters[0].figures(), _names(simulators)
    layers = tuple(
        Layer(
            stage.name,
            stage_size(stage),
            max(one[stage.name] for one in errors),
            {name: one[stage.name] for name, one in zip(names, errors, strict=True)},
            meter.totals[stage.name].active / (stage_size(stage) * meter.samples),
            float(stage.end - stage.begin),
        )
        for stage in network.stages[:-1]
    )
    farthest = max(found, key=lambda agreement: agreement.max_abs_error)
    return Report(
        samples=meter.samples,
        agreement=min(agreement.agreement for agreement in found),
        max_abs_error=farthest.max_abs_error,
        rms_error=farthest.rms_error,
        logit_scale=farthest.logit_scale,
        accuracy=found[0].accuracy,
        accuracy_original=found[0].accuracy_original,
        active_fraction=figures["active_fraction"],
        spikes_per_neuron=figures["spikes_per_neuron"],
        latency=float(first.steps) if isinstance(first, Stepped) and first.steps else network.latency,
        early_spikes=max(int(meter.figures()["early_spikes"]) for meter in meters),
        inputs_outside_range=meter.outside,
        layers=layers,
        simulators={name: agreement.max_abs_error for name, agreement in zip(names, found, strict=True)},
        simulated={name: meter.samples for name, meter in zip(names, meters, strict=True)},
        dtype=str(network.dtype).removeprefix("torch."),
        seconds=time.perf_counter() - started,
        rmse=found[0].ours.rmse,
        rmse_original=found[0].theirs.rmse,
        r2=found[0].ours.r2,
        r2_original=found[0].theirs.r2,
    )


def _names(simulators: Sequence[Simulator]) -> list[str]:
    """What a report calls them: of several of a kind, their settings tell them apart."""
    kinds = [simulator.name for simulator in simulators]
    return [
        name if kinds.count(name) == 1 else repr(simulator) for name, simulator in zip(kinds, simulators, strict=True)
    ]


def suited(network: SpikingNetwork, simulators: Sequence[Simulator] | None) -> Sequence[Simulator]:
    """The simulators that were asked for, or the usual ones.  Raises `InvalidSetting` if one counts no spikes over
    time and must."""
    if simulators is None:
        once = (ClosedForm(), EventDriven()) if network.device.type == "cpu" else (ClosedForm(),)
        simulators = (Stepped(),) if network.body.steps else once
    if not simulators:
        raise InvalidSetting(
            "there is no simulator to check in.", "At least one.", "Leave simulators out for the usual ones."
        )
    if network.body.steps and (other := [s.name for s in simulators if not isinstance(s, Stepped)]):
        raise InvalidSetting(
            f"spikes over time are not counted in {other[0]}.",
            "Stepped().",
            "Leave simulators out, or take Stepped().",
        )
    return simulators


def _layer_errors(oracle: Graph, x: Tensor, values: dict[str, Tensor], errors: dict[str, float]) -> None:
    def observe(name: str, value: Tensor) -> None:
        if name in values:
            if values[name].shape != value.shape:
                raise InvalidModel(
                    f"layer `{name}` has shape {tuple(value.shape[1:])} in the model, "
                    f"and {tuple(values[name].shape[1:])} in the spiking network.",
                    "The model that the network was made from.",
                    "Name that model, or convert this one.",
                )
            errors[name] = max(errors[name], float((values[name] - value).abs().max()))

    with torch.no_grad():
        oracle(x, observe)
