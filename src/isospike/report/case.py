"""What a report is about: a network, its data, and what was measured of them; each section shows what is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.measure import Finding, Moment, Prices, Report
from isospike.measure.prices import USUAL
from isospike.report.compare import Row
from isospike.web import Chart


@dataclass(frozen=True)
class Differing:
    """A sample that network and original answer differently.

    | field    | meaning                                              |
    |----------|------------------------------------------------------|
    | `number` | of the sample in its data                            |
    | `sample` | (*shape), as it was read                             |
    | `ours`   | the network's class                                  |
    | `theirs` | the original's                                       |
    | `lead`   | by how much the original's winner leads its second   |
    """

    number: int
    sample: Tensor
    ours: int
    theirs: int
    lead: float


@dataclass(frozen=True)
class Level:
    """Accuracies at one strength of an imperfection, a trial each, between 0 and 1."""

    kind: str
    unit: str
    strength: float
    accuracies: tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """All that a report may show.

    | field       | meaning                                                                              |
    |-------------|--------------------------------------------------------------------------------------|
    | `title`     | what was measured: "lenet5 on mnist"                                                 |
    | `command`   | what makes the report again                                                          |
    | `settings`  | by name, with seed and versions                                                      |
    | `found`     | of a check                                                                           |
    | `figures`   | of `measure`                                                                         |
    | `moments`   | of a curve                                                                           |
    | `findings`  | of a diagnosis                                                                       |
    | `rows`      | of a comparison of codings                                                           |
    | `differing` | samples that are answered differently; None if there is nothing to compare with      |
    | `levels`    | accuracies under imperfections                                                       |
    | `circuits`  | rows of circuits                                                                     |
    | `epochs`    | rows of a training                                                                   |
    """

    title: str
    command: str
    settings: Mapping[str, object]
    network: SpikingNetwork | None = None
    data: Data | None = None
    found: Report | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    moments: Sequence[Moment] = ()
    findings: Sequence[Finding] = ()
    rows: Sequence[Row] = ()
    differing: Sequence[Differing] | None = None
    levels: Sequence[Level] = ()
    circuits: Sequence[Mapping[str, Any]] = ()
    epochs: Sequence[Mapping[str, Any]] = ()
    prices: Prices = USUAL

    def named(self, label: int) -> str:
        """A class by its name, where the data have one."""
        names = () if self.data is None else self.data.classes
        return names[label] if label < len(names) else str(label)

    @property
    def unit(self) -> str:
        """Of time."""
        return "step" if self.network is not None and self.network.body.steps else "τ"


@dataclass(frozen=True)
class Picture:
    """An image (PNG) with what is to be seen in it."""

    png: bytes
    said: str


@dataclass(frozen=True)
class Section:
    """One part of a report: paragraphs, charts, pictures, and a table with a row a mapping.  code: as it is typed."""

    title: str
    said: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    pictures: Sequence[Picture] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    code: str = ""
