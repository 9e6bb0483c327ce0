"""Table of contents: what is measured of a network."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from jaxtyping import Float, Int
from torch import Tensor

from isospike.errors import InvalidData, InvalidSetting
from isospike.importers import Model, original, read
from isospike.measure.agreement import Agreement as Agreement
from isospike.measure.check import Layer as Layer
from isospike.measure.check import Report as Report
from isospike.measure.check import compare as compare
from isospike.measure.check import suited
from isospike.measure.curve import Moment as Moment
from isospike.measure.curve import curve as curve
from isospike.measure.curve import lossless as lossless
from isospike.measure.diagnose import Finding as Finding
from isospike.measure.diagnose import diagnose as diagnose
from isospike.measure.differing import differing_spikes as differing_spikes
from isospike.measure.early import Exit as Exit
from isospike.measure.early import early as early
from isospike.measure.meter import Meter as Meter
from isospike.network import SpikingNetwork
from isospike.passes import canonical
from isospike.simulate import ClosedForm, Simulator, Stepped


def check(
    model: Model,
    network: SpikingNetwork,
    images: Float[Tensor, "batch *shape"],
    labels: Int[Tensor, " batch"] | None = None,
    simulators: Sequence[Simulator] | None = None,
) -> Report:
    """Compare a network with the model it was made from, in the network's precision: outputs and every layer.

    images: (samples, *input shape), in the declared range.  labels: (samples,) class numbers.  simulators: closed form and event-driven, or
    stepped for rate codes, unless given.  Raises `InvalidData`, and `InvalidSetting` for a simulator that would answer the network wrongly
    or is too large for it.
    """
    if not len(images):
        raise InvalidData("there is no sample to check on.", "At least one.", "Pass some images of the test set.")
    encoder = network.body.encoder
    encoder.encode(images[:1])  # refuses what does not fit before the model sees it
    if labels is not None and len(labels) != len(images):
        raise InvalidData(f"there are {len(images)} images and {len(labels)} labels.", "A label for every image, or none.", "Pass labels of the same images.")
    chosen = suited(network, simulators)
    for simulator in chosen:
        simulator.check(network)  # what is refused is refused before the model is read, which takes long
    graph = read(model, images)
    parts = [(x, None if labels is None else labels[i * 256 : i * 256 + 256]) for i, x in enumerate(images.split(256))]
    exact = canonical(graph.with_range(encoder.low, encoder.high), network.body.signed)
    return compare(original(model, graph, network.dtype), exact, network, parts, chosen)


def measure(
    network: SpikingNetwork,
    batches: Iterable[tuple[Tensor, Tensor | None]],
    simulator: Simulator | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, object]:
    """Run a network over batches of (samples, labels) and return its figures: accuracy, spikes, latency, operations, energy.

    Energies are in pJ a sample: synaptic operations at 0.077 pJ, the original's multiply-accumulates at 4.6 pJ (`measure.operations`).
    """
    started = time.perf_counter()
    dtype = str(network.dtype).removeprefix("torch.")
    if network.body.steps:
        if not isinstance(simulator, Stepped | None):
            raise InvalidSetting(
                f"spikes over time are not counted in {simulator.name}.", "Stepped().", "Leave the simulator out; what early answers cost: measure.early."
            )
        chosen = simulator or Stepped()
        steps, samples, outside = chosen.steps or network.body.steps, 0, 0

        def seen(batches: Iterable[tuple[Tensor, Tensor | None]]) -> Iterator[tuple[Tensor, Tensor | None]]:
            nonlocal samples, outside
            for x, labels in batches:
                samples, outside = samples + len(x), outside + network.body.encoder.outside(x)
                yield x, labels

        (moment,) = curve(network, seen(batches), at=(steps,), seed=chosen.seed, progress=progress)
        figures = {key: value for key, value in moment.as_dict().items() if value is not None and key != "steps"}
        more = {"latency": float(steps), "inputs_outside_range": outside, "dtype": dtype, "seconds": time.perf_counter() - started}
        return {"samples": samples, **figures, **more}
    meter, agreement = Meter(network), Agreement()
    run = (simulator or ClosedForm()).prepare(network)
    for x, labels in batches:
        meter.input(x)
        x = x.to(network.dtype)
        out = run(x, meter.watch)
        agreement.add(out, out, labels)
        if progress is not None:
            progress(len(x))
    if not meter.samples:
        raise InvalidData("there is no sample to run.", "At least one.", "Pass some images of the test set.")
    return {"samples": meter.samples, "accuracy": agreement.accuracy, **meter.figures(), "dtype": dtype, "seconds": time.perf_counter() - started}
