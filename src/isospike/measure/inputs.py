"""The samples that a network is measured on, and a warning where they are not what it was calibrated on."""

import warnings
from collections.abc import Iterator

from torch import Tensor

from isospike.data import Samples, pairs
from isospike.data.samples import Pair, fitting
from isospike.engine import SpikingNetwork

FEWEST = 16  # samples whose mean says something
SHIFT, SPREAD = 0.5, 2.0  # standard deviations that a mean may be off, and the factor that a standard deviation may be


def inputs(network: SpikingNetwork, data: Samples) -> Iterator[Pair]:
    """Batches of (samples, labels or None) that have a sample.  Raises `InvalidData` where one does not fit the
    network, whatever is made of it then; warns if the first lies far from what the network was calibrated on."""
    body, first = network.body, True
    for x, labels in pairs(data):
        fitting(x, body.encoder.shape)
        if not len(x):
            continue
        if first:
            _compare(body.seen, x)
        first = False
        yield x, labels


def _compare(seen: tuple[float, ...], x: Tensor) -> None:
    if not seen or len(x) < FEWEST:
        return
    (mean, sd), own, own_sd = seen, float(x.double().mean()), float(x.double().std())
    if abs(own - mean) > SHIFT * sd or not sd / SPREAD <= own_sd <= sd * SPREAD:
        warnings.warn(
            f"the inputs have mean {own:.3g} and standard deviation {own_sd:.3g}; the network was calibrated on "
            f"{mean:.3g} and {sd:.3g}.  Were they preprocessed alike, such as by --preprocess?",
            stacklevel=3,
        )
