"""A claim: what a paper prints in a table or figure, what is measured of the same, and whether it holds.

A package of claims is found through the entry point group `isospike.papers`.  Its name is the paper's, its docstring's
first line the heading, the rest the introduction.  Each of its modules is one claim: a docstring and one subclass of
`Claim`; what claims share lies in packages within it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from isospike.errors import InvalidSetting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Value = float | int | str | None
Figures = Mapping[str, Value]  # by name with unit
NAMES = ("quick", "usual", "full")


def number(value: Value) -> float:
    """A figure to reckon with.  Raises `TypeError` where the row holds none or a word."""
    if value is None or isinstance(value, str):
        raise TypeError(f"{value!r} is no number")
    return float(value)


@dataclass(frozen=True)
class Setup:
    """The size that a claim is measured at; None: as the claim has it.

    | field      | meaning                                                                      |
    |------------|------------------------------------------------------------------------------|
    | `samples`  | figures are taken over the first so many samples, or all                     |
    | `training` | networks are trained on the first so many samples, or all                    |
    | `epochs`   | of training, of all networks                                                 |
    | `width`    | channels of the first layer of the networks that come in widths              |
    | `trials`   | draws of what is random                                                      |
    | `seed`     | of everything random                                                         |
    | `data_dir` | where data sets are; else $ISOSPIKE_DATA, else the user's cache              |
    | `device`   | that networks are trained on: cpu, cuda, mps, auto                           |
    | `size`     | `quick`, `usual` or `full`, which numbers that are not given here come from  |
    """

    samples: int | None = None
    training: int | None = None
    epochs: int | None = None
    width: int = 8
    trials: int = 16
    seed: int = 0
    data_dir: Path | None = None
    device: str = "cpu"
    size: str = "usual"

    def __post_init__(self) -> None:
        if self.size not in NAMES:
            raise InvalidSetting(f"size `{self.size}` is not known.", f"{', '.join(NAMES)}.", "Choose one of these.")

    @property
    def full(self) -> bool:
        """Whether this is the paper's own size."""
        return self.size == "full"


SIZES: Mapping[str, Setup] = {
    # Seconds or minutes, to see it work.
    "quick": Setup(samples=64, training=512, epochs=1, width=2, trials=2, size="quick"),
    "usual": Setup(),  # what the pages show: two cores, an hour or two
    "full": Setup(width=64, size="full"),  # the paper's own
}


@dataclass(frozen=True)
class Row:
    """A row of the table: what was measured; the paper's figures of the same, unless the claim's `paper` has them
    under this case."""

    case: str
    measured: Figures
    paper: Figures = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Held:
    """A statement of a claim: its text, the measured figure, the limit, and whether the figure keeps it."""

    text: str
    measured: float
    limit: str
    holds: bool


def at_most(text: str, measured: float, limit: float, unit: str = "") -> Held:
    """Holds if a figure does not exceed the limit."""
    return Held(text, measured, f"at most {limit:g} {unit}".rstrip(), measured <= limit)


def at_least(text: str, measured: float, limit: float, unit: str = "") -> Held:
    """Holds if a figure does not fall below the limit."""
    return Held(text, measured, f"at least {limit:g} {unit}".rstrip(), measured >= limit)


@dataclass(frozen=True)
class Found:
    """What `Claim.measure` returns; `draw` makes the figure, where there is one."""

    rows: Sequence[Row]
    held: Sequence[Held]
    notes: Sequence[str] = ()
    draw: "Callable[[], Figure] | None" = None


class Claim(ABC):
    """A table or figure of a paper; the docstring's first line is its title.

    source: where it stands.  paper: its figures; those by case, and then by name with unit, are set beside the rows of
    these cases. sizes: what it is measured at, by name."""

    source: ClassVar[str]
    paper: ClassVar[Mapping[Any, Any] | Sequence[Any]] = {}
    sizes: ClassVar[Mapping[str, Setup]] = SIZES

    @abstractmethod
    def measure(self, setup: Setup) -> Found:
        """Do what the paper did.  Raises `InvalidData` if the data are not here."""

    @property
    def title(self) -> str:
        """What it is: the first paragraph of its docstring."""
        return " ".join((type(self).__doc__ or "").partition("\n\n")[0].split()).rstrip(".")
