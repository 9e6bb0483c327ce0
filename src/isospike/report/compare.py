"""One network in many codings, on the same data and the same meters; and the cheapest that is good enough."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from isospike.codings import Coding, Rate
from isospike.codings.normalise import Bounds
from isospike.convert import Conversion
from isospike.data import Samples
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.importers import Model
from isospike.ir.graph import Graph
from isospike.ir.ops.clip import Clip
from isospike.measure import Agreement, Meter, Moment, Prices, curve
from isospike.measure.curve import doublings
from isospike.measure.prices import USUAL
from isospike.neurons import Stepping
from isospike.shown import Records
from isospike.simulate import ClosedForm

Batches = Iterable[tuple[Tensor, Tensor | None]]


@dataclass(frozen=True)
class Row:
    """One coding at one latency.  Errors are against the original; operations and energies [nJ] are a sample's.

    `steps`: T, None for codings that answer once; `windows`: how many windows follow one another until the answer;
    `bits`: what one spike carries at most, None where it is a time of any resolution.
    """

    coding: str
    steps: int | None
    windows: int
    accuracy: float | None
    accuracy_original: float | None
    agreement: float
    relative_error: float
    spikes_per_neuron: float
    bits: float | None
    synaptic_operations: float
    macs: float
    energy_ratio: float | None
    energy_nj: float
    energy_original_nj: float

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON and CSV."""
        return asdict(self)


def compare(
    model: Model,
    calibration: Samples,
    batches: Batches,
    codings: Mapping[str, Coding],
    steps: int = 64,
    input_range: tuple[Tensor | float, Tensor | float] | None = None,
    prices: Prices = USUAL,
) -> Records[Row]:
    """Every coding on the same data: one row for those that answer once, a row at T = 1, 2, 4, … up to `steps` for the
    others.

    batches: (samples, labels or None), gone through once a coding.  prices: of operations (`measure.PRICES`).  Raises
    what `convert` raises, and `InvalidSetting` without codings."""
    if not codings:
        raise InvalidSetting(
            "there is no coding to compare.", remedy="Name some, or leave them out for all that apply."
        )
    conversion = Conversion(model, calibration, input_range)
    return Records(
        row for name, coding in codings.items() for row in compared(conversion, name, coding, batches, steps, prices)
    )


def compared(
    conversion: Conversion,
    name: str,
    coding: Coding,
    batches: Batches,
    steps: int = 64,
    prices: Prices = USUAL,
    device: torch.device | str = "cpu",
) -> list[Row]:
    """The rows of one coding of a model that is read and calibrated.  device: where the spikes are computed."""
    network = conversion.network(replace(coding, steps=steps) if isinstance(coding, Rate) else coding, torch.float32)
    network = network.to(device)
    oracle = conversion.original(torch.float32)
    return (_over_time if network.body.steps else _once)(name, network, batches, oracle, prices)


def choose(rows: Sequence[Row], within: float) -> Row:
    """The row of least energy whose accuracy is within so many points of the original's (without labels: whose
    agreement is).

    Raises `InvalidSetting` if there is none.
    """
    good = [row for row in rows if _loss(row) <= within / 100 + 1e-12]
    if not good:
        best = min(rows, key=_loss)
        raise InvalidSetting(
            f"no coding comes within {within:g} points; {best.coding} is nearest with {100 * _loss(best):.2f}.",
            "What `compare` lists.",
            "Allow more points, or more steps.",
        )
    return min(good, key=lambda row: (row.energy_nj, row.steps or 0))


def applicable(graph: Graph, codings: Mapping[str, Coding]) -> dict[str, Coding]:
    """Those that fit a network: methods that take trained clips as ranges need a network that has them."""
    clipped = any(isinstance(node.op, Clip) and math.isfinite(node.op.high) for node in graph)
    return {
        name: coding
        for name, coding in codings.items()
        if clipped or not (isinstance(coding, Rate) and isinstance(coding.normalise, Bounds))
    }


def _loss(row: Row) -> float:
    if row.accuracy is None or row.accuracy_original is None:
        return 1 - row.agreement
    return row.accuracy_original - row.accuracy


def _bits(network: SpikingNetwork) -> float | None:
    neurons = [stage.neuron for stage in network.stages]
    most = max(
        (neuron.most * (2 if neuron.signed else 1) for neuron in neurons if isinstance(neuron, Stepping)),
        default=0.0,
    )
    return math.log2(most + 1) if math.isfinite(most) and most else None


def _over_time(
    name: str, network: SpikingNetwork, batches: Batches, oracle: Callable[[Tensor], Tensor], prices: Prices
) -> list[Row]:
    found = curve(network, batches, oracle, doublings(network.body.steps), prices=prices)
    return [_row(name, moment, _bits(network)) for moment in found]


def _row(name: str, moment: Moment, bits: float | None) -> Row:
    return Row(
        coding=name,
        steps=moment.steps,
        windows=1,
        accuracy=moment.accuracy,
        accuracy_original=moment.accuracy_original,
        agreement=moment.agreement or 0.0,
        relative_error=moment.relative_error or 0.0,
        spikes_per_neuron=moment.spikes_per_neuron,
        bits=bits,
        synaptic_operations=moment.synaptic_operations,
        macs=moment.macs,
        energy_ratio=moment.energy_ratio,
        energy_nj=moment.energy_spiking_nj,
        energy_original_nj=moment.energy_original_nj,
    )


def _once(
    name: str, network: SpikingNetwork, batches: Batches, oracle: Callable[[Tensor], Tensor], prices: Prices
) -> list[Row]:
    meter, agreement = Meter.of(network), Agreement()
    run = ClosedForm().prepare(network)
    for x, labels in batches:
        own = network.own(x)
        meter.input(own)
        agreement.add(run(own, meter.watch), oracle(x.to(network.dtype)), labels)
    figures = meter.figures(prices)
    windows = len({float(stage.begin) for stage in network.stages if not stage.neuron.relays})
    row = Row(
        coding=name,
        steps=None,
        windows=windows,
        accuracy=agreement.accuracy,
        accuracy_original=agreement.accuracy_original,
        agreement=agreement.agreement,
        relative_error=agreement.relative_error,
        spikes_per_neuron=figures["spikes_per_neuron"],
        bits=None,
        synaptic_operations=figures["synaptic_operations"],
        macs=0.0,
        energy_ratio=figures["energy_ratio"],
        energy_nj=figures["energy_spiking_nj"],
        energy_original_nj=figures["energy_original_nj"],
    )
    return [row]
