"""Everything as a function of the time step T, from one pass: what a network answers, how right it is, and what it has
spent by then."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from isospike.data import Samples
from isospike.engine import Plan, SpikingNetwork, Walk, pooled, spiking, together
from isospike.errors import InvalidData, InvalidSetting
from isospike.importers import Model, read
from isospike.importers import original as original_of
from isospike.ir.graph import Graph
from isospike.ir.typed import Seed, expect
from isospike.measure.agreement import Agreement
from isospike.measure.inputs import inputs
from isospike.measure.meter import Meter
from isospike.measure.prices import USUAL, Prices
from isospike.network import Body
from isospike.shown import Records
from isospike.simulate.stepped import timed


@dataclass(frozen=True)
class Moment:
    """Figures at one time step; operations and energies [nJ] are a sample's.

    `agreement` and errors are against the original, None without it; `relative_error`: rms error over rms
    output.  `macs`: what an analog input costs, whose constant current is computed once."""

    steps: int
    accuracy: float | None
    accuracy_original: float | None
    agreement: float | None
    relative_error: float | None
    max_abs_error: float | None
    spikes_per_neuron: float
    active_fraction: float
    synaptic_operations: float
    macs: float
    energy_ratio: float | None
    energy_spiking_nj: float
    energy_original_nj: float
    rmse: float | None = None
    r2: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Plain values, for JSON and tables."""
        return asdict(self)


def curve(
    network: SpikingNetwork,
    data: Samples,
    original: Model | Callable[[Tensor], Tensor] | None = None,
    at: Sequence[int] | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    prices: Prices = USUAL,
) -> Records[Moment]:
    """Run a network that fires step by step once, and read it at each of the time steps `at` (1, 2, 4, … and its own
    unless given).

    data: samples, with or without labels.  original: what the read-out is compared with, the model or a function of a
    batch.  seed: of what the encoder draws.  prices: of operations (`measure.PRICES`).  Raises `InvalidSetting` for
    networks without time steps, `InvalidData` if there is no sample or one does not fit, `InvalidModel`."""
    spiking(network, "curve")
    body = timed(network, None)
    expect("curve", "at", at, Sequence[int] | None)
    expect("curve", "seed", seed, Seed)
    expect("curve", "prices", prices, Prices)
    times = sorted(set(at)) if at is not None else doublings(body.steps)
    if not times or times[0] < 1:
        raise InvalidSetting(f"time steps {times}.", "Whole numbers from 1 on.", "Leave `at` out for 1, 2, 4, ….")
    generator = torch.Generator().manual_seed(seed)
    first, oracle, plan = Meter.of(network), None, Plan(pooled(body))
    found = {end: (first.again(), Agreement()) for end in times}
    with torch.no_grad():
        for x, labels in inputs(network, data):
            if original is not None and oracle is None:
                oracle = _oracle(original, network, x)
            expected = None if oracle is None else oracle(x.to(network.dtype))
            x = network.own(x)
            size = together(body)
            parts = zip(
                x.split(size),
                *(t.split(size) if t is not None else [None] * len(x) for t in (expected, labels)),
                strict=False,
            )
            for part, wanted, right in parts:
                for end, out, states in _read(body, part, times, generator, plan):
                    meter, agreement = found[end]
                    agreement.add(out, out if wanted is None else wanted, right)
                    meter.sent(part if body.encoder.constant else states["input"].net)
                    for stage in body.stages[:-1]:
                        meter.tally(stage, states[stage.name].total)
            if progress is not None:
                progress(len(x))
    if not found[times[0]][0].samples:
        raise InvalidData("there is no sample to run.", "At least one.", "Pass some images of the test set.")
    return Records(
        _moment(end, meter.figures(prices), agreement, original is not None)
        for end, (meter, agreement) in found.items()
    )


def _oracle(
    original: Model | Callable[[Tensor], Tensor], network: SpikingNetwork, x: Tensor
) -> Callable[[Tensor], Tensor]:
    """The original as a function of a batch, in the network's precision, without the soft-max that the import took
    off."""
    encoder = network.body.encoder
    encoder.encode(network.own(x[:1]))  # refuses what does not fit before the model sees it
    if not isinstance(original, nn.Module | ExportedProgram | Graph | str | Path):
        return original
    return original_of(original, read(original, x, (encoder.low, encoder.high)), x, network.dtype)


def lossless(moments: Sequence[Moment]) -> int | None:
    """The latency to a lossless decision: the first measured T from which on accuracy is never below the
    original's."""
    late = [
        m.steps
        for m in moments
        if m.accuracy is None or m.accuracy_original is None or m.accuracy < m.accuracy_original
    ]
    after = [m.steps for m in moments if m.steps > max(late, default=0)]
    return after[0] if after else None


def doublings(steps: int) -> list[int]:
    """1, 2, 4, … up to `steps`, and `steps`."""
    return sorted({1 << i for i in range(steps.bit_length())} | {steps})


def _read(
    body: Body, x: Tensor, times: Sequence[int], generator: torch.Generator, plan: Plan
) -> Iterable[tuple[int, Tensor, dict]]:
    whole = any(stage.neuron.whole for stage in body.stages)  # such a network is another one for every window
    walk = Walk(replace(body, steps=times[-1]), x, generator, plan=plan, counted=True)
    for end in times:
        walk = Walk(replace(body, steps=end), x, generator, plan=plan, counted=True) if whole else walk
        yield end, walk.until(end), walk.states


def _moment(end: int, figures: dict[str, Any], agreement: Agreement, compared: bool) -> Moment:
    counted = (
        "spikes_per_neuron",
        "active_fraction",
        "synaptic_operations",
        "macs",
        "energy_ratio",
        "energy_spiking_nj",
        "energy_original_nj",
    )
    return Moment(
        steps=end,
        accuracy=agreement.accuracy,
        accuracy_original=agreement.accuracy_original if compared else None,
        agreement=agreement.agreement if compared else None,
        relative_error=agreement.relative_error if compared else None,
        max_abs_error=agreement.max_abs_error if compared else None,
        **{name: figures[name] for name in counted},
        rmse=agreement.ours.rmse,
        r2=agreement.ours.r2,
    )
