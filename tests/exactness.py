"""The contract of every exact coding: it computes what the network computes, in values, in both simulators, in both
precisions."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from isospike.codings import TTFS
from isospike.importers.torch import from_torch
from isospike.ir.graph import Graph
from isospike.passes import canonical
from isospike.ranges import calibrate
from isospike.simulate import ClosedForm, EventDriven, Trace, simulate
from zoo import HIGH, LOW, inputs

# Every member of the family; the ramp of chapter 2 and that of chapter 3; constant thresholds where they are exact.
FAMILY: dict[str, TTFS] = {
    "identical": TTFS("identical"),
    "identical, ch. 2 ramp": TTFS("identical", ramp_from="previous", tau=2.5),
    "fixed": TTFS("fixed", ramp_from="previous"),
    "positive": TTFS("positive", gated=False, ramp_from="previous", alpha=3.0),
    "dynamic": TTFS("dynamic", ramp_from="previous", forced_spikes=True),
    "ramps from t = 0": TTFS("positive", gated=False, ramp_from="input", tau=1.5),
    "falling from t = 0": TTFS("dynamic", ramp_from="input"),
    "certified": TTFS("identical", windows="certified"),
}
LIMIT = {torch.float64: 1e-9, torch.float32: 1e-5}


@dataclass(frozen=True)
class Finding:
    """How far a spiking network was from the original, relative to the largest output, and whether all decisions
    agreed."""

    coding: str
    simulator: str
    dtype: torch.dtype
    error: float
    agreement: float

    @property
    def holds(self) -> bool:
        return self.error <= LIMIT[self.dtype] and (self.agreement == 1.0 or self.dtype == torch.float32)


def graph_of(model: nn.Module, shape: tuple[int, ...]) -> Graph:
    return canonical(
        from_torch(model, torch.zeros(1, *shape)).with_range(
            torch.tensor(LOW, dtype=torch.float64), torch.tensor(HIGH, dtype=torch.float64)
        )
    )


def findings(model: nn.Module, shape: tuple[int, ...], samples: int = 6, seed: int = 1) -> Iterator[Finding]:
    """Windows are measured on some samples and values compared on others, drawn from `seed`.

    The oracle is the model itself, in double precision.  A calibrated window may be too short for a fresh sample: then
    some neuron was due before it, which the trace must say, and the sample is left out."""
    graph, x = graph_of(model, shape), inputs(shape, samples, seed)
    with torch.no_grad():
        expected = copy.deepcopy(model).double()(x.clone())
        restore = _soft(expected) if graph.notes else (lambda y: y)
        # Its rounding, large where outputs nearly cancel
        own = float((restore(graph.to(torch.float32)(x.float()).double()) - expected).abs().max())
    scale = float(expected.abs().max()) or 1.0  # a network that is dead gives zeros: then the error is absolute
    scales = {torch.float64: scale, torch.float32: max(scale, 10 * own / LIMIT[torch.float32])}
    data = calibrate(graph, [inputs(shape, 8, seed=0)])
    for name, coding in FAMILY.items():
        ranges = coding.ranges(graph, []) if coding.windows == "certified" else data
        network = coding.network(graph, ranges)
        for dtype in LIMIT:
            network = network.to(dtype)
            events = simulate(network, x.to(dtype), EventDriven())
            meant = ~_early(events)
            assert bool(meant.all()) or coding.windows != "certified"
            if bool(meant.any()):
                solved = simulate(network, x[meant].to(dtype), ClosedForm()).readout
                for simulator, readout in (("EventDriven", events.readout[meant]), ("ClosedForm", solved)):
                    found, wanted = restore(readout.double()), expected[meant]
                    yield Finding(
                        name,
                        simulator,
                        dtype,
                        float((found - wanted).abs().max()) / scales[dtype],
                        _agreement(found, wanted),
                    )


def _soft(output: Tensor) -> Callable[[Tensor], Tensor]:
    """The soft-max that a model ends in, which its import takes off."""
    return (lambda y: y.softmax(1)) if bool((output >= 0).all()) else (lambda y: y.log_softmax(1))


def _early(trace: Trace) -> Tensor:
    """The samples of which some neuron was due before its window."""
    early = [stage.neuron.early(trace.codes[stage.name]) for stage in trace.network.stages[:-1]]
    none = torch.zeros(len(trace.readout), dtype=torch.bool)
    return torch.stack([none, *(mask.reshape(len(mask), -1).any(1) for mask in early if mask.ndim)]).any(0)


def _agreement(found: Tensor, expected: Tensor) -> float:
    """Share of equal decisions; two outputs that tie to 12 digits are one decision."""
    ours, theirs = found.argmax(1, keepdim=True), expected.argmax(1, keepdim=True)
    tie = (expected.gather(1, ours) - expected.gather(1, theirs)).abs() <= 1e-12 * expected.abs().max()
    return float((tie | (ours == theirs)).double().mean())


def ungated(coding: TTFS) -> TTFS:
    return replace(coding, gated=False)
