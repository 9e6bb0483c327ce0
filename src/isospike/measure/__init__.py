"""Table of contents: what is measured of a network."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from jaxtyping import Int
from torch import Tensor

from isospike.convert import Conversion
from isospike.data import Samples, pairs
from isospike.engine import SpikingNetwork, spiking
from isospike.errors import InvalidData, InvalidModel, InvalidSetting
from isospike.importers import Model, original, read
from isospike.ir.typed import expect
from isospike.measure.agreement import Agreement as Agreement
from isospike.measure.check import Layer as Layer
from isospike.measure.check import Report as Report
from isospike.measure.check import checked as checked
from isospike.measure.check import suited
from isospike.measure.curve import Moment as Moment
from isospike.measure.curve import curve as curve
from isospike.measure.curve import lossless as lossless
from isospike.measure.diagnose import Finding as Finding
from isospike.measure.diagnose import diagnose as diagnose
from isospike.measure.differing import differing_spikes as differing_spikes
from isospike.measure.early import Exit as Exit
from isospike.measure.early import early as early
from isospike.measure.inputs import inputs as inputs
from isospike.measure.meter import Meter as Meter
from isospike.measure.prices import PRICES as PRICES
from isospike.measure.prices import USUAL
from isospike.measure.prices import Prices as Prices
from isospike.passes import canonical
from isospike.simulate import ClosedForm, Simulator, Stepped


def check(
    model: Model | Conversion,
    network: SpikingNetwork,
    images: Samples,
    labels: Int[Tensor, " batch"] | None = None,
    simulators: Sequence[Simulator] | Simulator | None = None,
) -> Report:
    """Compare a network with the model it was made from, in the network's precision: outputs and every layer.

    model: the original, or the conversion that made the network, which spares reading it again.  images: samples (n,
    *input shape) in the declared range, with or without labels, or a loader of them.  labels: (n,) class numbers.
    simulators: one or several; closed form and event-driven, or stepped for rate codes, unless given.  Raises
    `InvalidData`, `InvalidModel`, and `InvalidSetting` for a simulator that would answer the network wrongly or is too
    large for it."""
    if not isinstance(network, SpikingNetwork) or isinstance(model, SpikingNetwork):
        what = f"check({type(model).__name__}, {type(network).__name__}, …)."
        raise InvalidModel(
            what,
            "check(model, network, samples): the original, then the SpikingNetwork made from it.",
            "Exchange the first two.",
        )
    simulators = (simulators,) if isinstance(simulators, Simulator) else simulators
    expect("check", "simulators", simulators, Sequence[Simulator] | None)
    batches = inputs(network, images if labels is None else (images, labels))
    first = next(batches, None)
    if first is None or not len(first[0]):
        raise InvalidData("there is no sample to check on.", "At least one.", "Pass some images of the test set.")
    encoder = network.body.encoder
    encoder.encode(network.own(first[0][:1]))  # refuses what does not fit before the model sees it
    chosen = suited(network, simulators)
    for simulator in chosen:
        simulator.check(network)  # what is refused is refused before the model is read, which takes long
    if isinstance(model, Conversion):
        exact, oracle = model.exact(network.body.signed), model.original(network.dtype)
    else:
        graph = read(model, first[0], (encoder.low, encoder.high))
        exact = canonical(graph.with_range(encoder.low, encoder.high), network.body.signed).to(network.dtype)
        oracle = original(model, graph, first[0], network.dtype)
        del graph  # in double precision its weights are the most that is held
    return checked(oracle, exact, network, chain([first], batches), chosen)


def arithmetic(network: SpikingNetwork, operations: float, steps: int) -> dict[str, float]:
    """Additions and multiplications of a network of units, a sample: of its synapses, leaks and read-out; nothing for
    other networks, whose neurons do not say."""
    if not network.stages[-1].neuron.hears:
        return {}
    additions, products = map(sum, zip(*(s.neuron.arithmetic(s.shape) for s in network.stages), strict=True))
    return {"additions": operations + steps * additions, "multiplications": float(steps * products)}


def measure(
    network: SpikingNetwork,
    data: Samples,
    simulator: Simulator | None = None,
    progress: Callable[[int], None] | None = None,
    prices: Prices = USUAL,
) -> dict[str, object]:
    """Run a network over samples, with or without labels, and return its figures: accuracy (or RMSE and R², if labels
    are real numbers), spikes, latency, operations, energy.

    Energies are in nJ a sample, at the prices of one technology unless others are given (`measure.PRICES`).  Networks
    of units: `additions` and `multiplications` a sample, those of synapses included."""
    spiking(network, "measure")
    expect("measure", "simulator", simulator, Simulator | None)
    expect("measure", "prices", prices, Prices)
    started = time.perf_counter()
    dtype = str(network.dtype).removeprefix("torch.")
    if network.body.steps:
        if not isinstance(simulator, Stepped | None):
            raise InvalidSetting(
                f"spikes over time are not counted in {simulator.name}.",
                "Stepped().",
                "Leave the simulator out; what early answers cost: measure.early.",
            )
        chosen = simulator or Stepped()
        steps, samples, outside = chosen.steps or network.body.steps, 0, 0

        def seen() -> Iterator[tuple[Tensor, Tensor | None]]:
            nonlocal samples, outside
            for x, labels in pairs(data):
                samples, outside = samples + len(x), outside + network.body.encoder.outside(x.to(network.device))
                yield x, labels

        (moment,) = curve(network, seen(), at=(steps,), seed=chosen.seed, progress=progress, prices=prices)
        figures = {key: value for key, value in moment.as_dict().items() if value is not None and key != "steps"}
        more = arithmetic(network, moment.synaptic_operations, steps) | {
            "latency": float(steps),
            "inputs_outside_range": outside,
            "prices": str(prices),
            "dtype": dtype,
            "seconds": time.perf_counter() - started,
        }
        return {"samples": samples, **figures, **more}
    meter, agreement = Meter.of(network), Agreement()
    run = (simulator or ClosedForm()).prepare(network)
    for x, labels in inputs(network, data):
        x = network.own(x)
        meter.input(x)
        out = run(x, meter.watch)
        agreement.add(out, out, labels)
        if progress is not None:
            progress(len(x))
    if not meter.samples:
        raise InvalidData("there is no sample to run.", "At least one.", "Pass some images of the test set.")
    rest: dict[str, object] = {"latency": network.latency, "prices": str(prices), "dtype": dtype}
    rest["seconds"] = time.perf_counter() - started
    if agreement.ours.rmse is not None:
        rest |= {"rmse": agreement.ours.rmse, "r2": agreement.ours.r2}
    return {"samples": meter.samples, "accuracy": agreement.accuracy, **meter.figures(prices), **rest}
