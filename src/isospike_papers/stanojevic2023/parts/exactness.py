"""Converts a subject's network and compares the two, value by value: whole data sets in closed form, some samples event by event."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from isospike.codings import TTFS
from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.importers import original, read
from isospike.ir.graph import Graph
from isospike.measure import Report, compare
from isospike.passes import canonical
from isospike.ranges import Ranges
from isospike.simulate import ClosedForm, EventDriven
from isospike_papers.shared.subject import Subject

CALIBRATION = 1000  # training samples that windows are calibrated on
EVENTS = 100  # samples that are also simulated event by event


@dataclass(frozen=True)
class Exactness:
    """A subject in canonical form; networks with different windows are made from it without reading the model again."""

    subject: Subject
    coding: TTFS

    @cached_property
    def calibration(self) -> Data:
        """Training samples."""
        return self.subject.split.train.first(CALIBRATION)

    @cached_property
    def imported(self) -> Graph:
        """The model as a graph, its input range declared."""
        graph = read(self.subject.model, next(iter(self.calibration)))
        low, high = self.subject.input_range or self.calibration.input_range()
        return graph.with_range(torch.as_tensor(low), torch.as_tensor(high))

    @cached_property
    def graph(self) -> Graph:
        """Its canonical form."""
        return canonical(self.imported)

    @cached_property
    def ranges(self) -> Ranges:
        """Largest activations."""
        return self.coding.ranges(self.graph.to(torch.float32), self.calibration)

    def network(self, coding: TTFS | None = None, dtype: torch.dtype = torch.float32) -> SpikingNetwork:
        """The spiking network."""
        return (coding or self.coding).network(self.graph, self.ranges).to(dtype)

    def report(self, data: Data, dtype: torch.dtype = torch.float32) -> tuple[Report, Report]:
        """What comes of comparing on all samples in closed form, and on the first hundred event by event."""
        network = self.network(dtype=dtype)
        source = original(self.subject.model, self.imported, next(iter(self.calibration)), dtype)
        return (
            compare(source, self.graph, network, _shown(data), (ClosedForm(),)),
            compare(source, self.graph, network, data.first(EVENTS).batches(), (EventDriven(),)),
        )


def _shown(data: Data) -> Iterable[tuple[Tensor, Any]]:
    return track(data.batches(), total=-(-len(data) // 256), description=f"comparing on {data.name}", transient=True)
