"""Converts a subject's network and compares the two, value by value: whole data sets in closed form, some samples
event by event."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from isospike.codings import TTFS
from isospike.convert import Conversion
from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.ir.graph import Graph
from isospike.measure import Report, checked
from isospike.ranges import Ranges
from isospike.simulate import ClosedForm, EventDriven
from isospike_papers.shared.subject import Subject

CALIBRATION = 1000  # training samples that windows are calibrated on
EVENTS = 100  # samples that are also simulated event by event


@dataclass(frozen=True)
class Exactness:
    """A subject under conversion; networks with different windows are made of it without measuring again."""

    subject: Subject
    coding: TTFS

    @cached_property
    def conversion(self) -> Conversion:
        """The model as it was read, with training samples to calibrate on."""
        return Conversion(self.subject.model, self.subject.split.train.first(CALIBRATION), self.subject.input_range)

    @property
    def graph(self) -> Graph:
        """Its canonical form."""
        return self.conversion.exact()

    @cached_property
    def ranges(self) -> Ranges:
        """Largest activations."""
        return self.conversion.ranges(self.coding)

    def network(self, coding: TTFS | None = None, dtype: torch.dtype = torch.float32) -> SpikingNetwork:
        """The spiking network."""
        return self.conversion.network(coding or self.coding, dtype, self.ranges)

    def report(self, data: Data, dtype: torch.dtype = torch.float32) -> tuple[Report, Report]:
        """What comes of comparing on all samples in closed form, and on the first hundred event by event."""
        network, original = self.network(dtype=dtype), self.conversion.original(dtype)
        return (
            checked(original, self.graph, network, _shown(data), (ClosedForm(),)),
            checked(original, self.graph, network, data.first(EVENTS).batches(), (EventDriven(),)),
        )


def _shown(data: Data) -> Iterable[tuple[Tensor, Any]]:
    return track(data.batches(), total=-(-len(data) // 256), description=f"comparing on {data.name}", transient=True)
