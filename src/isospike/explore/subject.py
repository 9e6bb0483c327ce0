"""What the page shows: one trained network, data for it, and its spiking networks by their settings."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from isospike.codings import METHODS, TTFS, Coding, Rate
from isospike.constraints import Constraint, SpikeJitter, TimeSteps, WeightBits, constrain
from isospike.convert import Conversion
from isospike.data import Data
from isospike.encoders.ranged import RangedEncoder
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidModel, InvalidSetting
from isospike.explore.settings import Settings, reasons
from isospike.measure import Meter, Prices
from isospike.measure.prices import USUAL
from isospike.network import Body
from isospike.neurons import Accumulator, CountPool, FirstSpikeIF, Integrator, SpikePool, Stepping
from isospike.ranges import Ranges

OFFERED = ("ttfs", "rate", "signed")  # of METHODS
KINDS = (FirstSpikeIF, SpikePool, Integrator, Stepping, CountPool, Accumulator)  # of neurons that are explained
FILE = "file"  # what the coding of a network that was read from a file is called
MOST, KEPT = 16, 64 << 20  # networks that are kept, and their bytes
MEASURED = 128  # calibration samples that windows on a clock are measured on, so that a slider answers at once


class Ready:
    """A network; what it is made of, and a meter for it that has counted nothing, once they are asked for."""

    def __init__(self, network: SpikingNetwork) -> None:
        self.network = network

    @cached_property
    def body(self) -> Body:
        """As a record."""
        return self.network.body

    @cached_property
    def meter(self) -> Meter:
        """Made once, since it walks through all synapses."""
        return Meter.of(self.network)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(t.numel() * t.element_size() for t in self.network.parameters())


class Subject:
    """
    | argument     | meaning                                                                      |
    |--------------|------------------------------------------------------------------------------|
    | `name`       | of the model or the file, as it is shown                                     |
    | `conversion` | the original, read and calibrated                                            |
    | `data`       | samples to show, preprocessed as those of the conversion                     |
    | `file`       | a spiking network of this model that was read from a file                    |
    | `prices`     | of operations                                                                |
    """

    def __init__(
        self,
        name: str,
        conversion: Conversion,
        data: Data,
        file: SpikingNetwork | None = None,
        prices: Prices = USUAL,
    ) -> None:
        self.name, self.conversion, self.data, self.file, self.prices = name, conversion, data, file, prices
        self.codings: dict[str, Coding | None] = {}
        if file is not None:
            _same(file, conversion)
            self.codings[FILE] = None
        self.codings |= {key: METHODS[key] for key in OFFERED if key in METHODS}
        self.left_out: dict[str, str] = {}  # codings that this model has no network in, and why
        self._ready: OrderedDict[Settings, Ready] = OrderedDict()
        self._ranges: dict[str, Ranges] = {}
        self._original: Callable[[Tensor], Tensor] = conversion.original(torch.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return self.conversion.graph.input.shape

    def original(self, x: Tensor) -> Tensor:
        """The original's scores for one sample, (1, *shape), in double precision."""
        with torch.no_grad():
            return self._original(x.double())[0].flatten()

    def activations(self, x: Tensor, signed: bool) -> dict[str, Tensor]:
        """The original's activations by layer, in double precision, of one sample, (1, *shape)."""
        found: dict[str, Tensor] = {}
        with torch.no_grad():
            self.conversion.exact(signed)(x.double(), lambda name, value: found.update({name: value[0]}))
        return found

    def reasons(self, coding: str) -> dict[str, str]:
        """By setting, why it does not apply to a coding."""
        return reasons(self.codings[coding], self.ready(Settings(coding)).network)

    def ready(self, settings: Settings) -> Ready:
        """The network of these settings, made where it is not kept.  Raises `InvalidSetting`."""
        if settings not in self._ready:
            self._ready[settings] = Ready(self._constrained(settings))
        self._ready.move_to_end(settings)
        while len(self._ready) > 2 and (
            len(self._ready) > MOST or sum(one.size for one in self._ready.values()) > KEPT
        ):
            self._ready.popitem(last=False)
        return self._ready[settings]

    def _constrained(self, settings: Settings) -> SpikingNetwork:
        plain = replace(settings, jitter=0.0, ticks=0, bits=0)
        if settings == plain:
            return self._plain(settings)
        before = self.ready(plain).network
        wanted: list[Constraint] = []  # in the order in which they act
        if settings.bits:
            wanted.append(WeightBits(settings.bits))
        if settings.ticks:
            wanted.append(TimeSteps(settings.ticks))
        if settings.jitter:
            wanted.append(SpikeJitter(settings.jitter))
        return constrain(before, wanted, [before.own(self.conversion.batches[0][:MEASURED])])

    def _plain(self, settings: Settings) -> SpikingNetwork:
        """The network of a coding, on ideal hardware."""
        if settings.coding not in self.codings:
            what = f"there is no coding `{settings.coding[:40]}`."
            raise InvalidSetting(what, f"{', '.join(self.codings)}.", "Choose one of these.")
        coding = self.codings[settings.coding]
        if coding is None:
            assert self.file is not None
            given, network = (settings.margin, settings.steps), self.file
        elif isinstance(coding, Rate):
            given = (settings.margin, None)
            changed: Coding = coding if settings.steps is None else replace(coding, steps=settings.steps)
            network = self._converted(settings.coding, changed, torch.float32)
        else:
            assert isinstance(coding, TTFS)
            given = (None, settings.steps)
            changed = coding if settings.margin is None else replace(coding, margin=settings.margin)
            network = self._converted(settings.coding, changed, torch.float64)
        if given != (None, None):
            name = "margin" if given[0] is not None else "steps"
            what = f"{name}={getattr(settings, name):g} does not apply to the coding `{settings.coding}`."
            raise InvalidSetting(what, reasons(coding, network)[name], "Leave it out.")
        return network

    def _converted(self, name: str, coding: Coding, dtype: torch.dtype) -> SpikingNetwork:
        """In a coding whose ranges are measured once, whatever its margin or its steps."""
        if name not in self._ranges:
            self._ranges[name] = self.conversion.ranges(coding)
        return self.conversion.network(coding, dtype, self._ranges[name])


def _same(file: SpikingNetwork, conversion: Conversion) -> None:
    """Raise `InvalidModel` unless a file's neurons are of kinds that are explained, and its stages layers of the
    model."""
    body = file.body
    kinds: list[type] = [type(one.neuron) for one in body.stages if not isinstance(one.neuron, KINDS)]
    kinds += [] if isinstance(body.encoder, RangedEncoder) else [type(body.encoder)]
    if kinds:
        what = f"the file has {kinds[0].__name__}, which the page does not explain."
        raise InvalidModel(what, "Networks of first spikes, and of rate codes.", "Convert the model: --coding ttfs.")
    layers = {node.name: tuple(node.shape) for node in conversion.exact(file.body.signed)}
    others = [stage.name for stage in file.stages if layers.get(stage.name) != tuple(stage.shape)]
    if others or tuple(file.body.encoder.shape) != tuple(conversion.graph.input.shape):
        where = f"stage `{others[0]}`" if others else "its input"
        raise InvalidModel(
            f"the file is no network of this model: {where} has no counterpart of its shape.",
            f"The model's layers: {', '.join(layers)}.",
            "Pass the model that it was converted from: --model.",
        )
