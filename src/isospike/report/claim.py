"""A claim: what a paper prints in a table or figure, what is measured of the same, and whether it holds.

A package of claims is found through the entry point group `isospike.papers`.  Its name is the paper's, its docstring's
first line the heading, the rest the introduction.  Each of its modules is one claim: a docstring and one subclass of
`Claim`; what claims share lies in packages within it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from isospike.errors import InvalidSetting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Value = float | int | str | None
Figures = Mapping[str, Value]  # by name with unit
Option = int | str | None
SIZES = ("quick", "usual", "full")  # to see it work; what the pages show, two cores, an hour or two; the paper's own


def number(value: Value) -> float:
    """A figure to reckon with.  Raises `TypeError` where the row holds none or a word."""
    if value is None or isinstance(value, str):
        raise TypeError(f"{value!r} is no number")
    return float(value)


@dataclass(frozen=True)
class Setup:
    """What a claim is measured at; a claim reads the fields that its `options` name.

    | field      | meaning                                                                      |
    |------------|------------------------------------------------------------------------------|
    | `samples`  | figures are taken over the first so many samples, or all                     |
    | `training` | networks are trained on the first so many samples, or all                    |
    | `epochs`   | of training, of all networks; None: each has its own                         |
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
        if self.size not in SIZES:
            raise InvalidSetting(f"size `{self.size}` is not known.", f"{', '.join(SIZES)}.", "Choose one of these.")

    @property
    def full(self) -> bool:
        """Whether this is the paper's own size."""
        return self.size == "full"


@dataclass(frozen=True)
class Row:
    """A row of the table: what was measured, and the paper's figures of the same, which the runner sets beside it."""

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

    | member    | meaning                                                                                         |
    |-----------|-------------------------------------------------------------------------------------------------|
    | `source`  | where it stands                                                                                 |
    | `paper`   | its figures, by case: set beside the row of the case, and rows that add to it after a comma     |
    | `options` | the fields of `Setup` that it reads, each with a value, or one for the quick, usual, full size  |
    """

    source: ClassVar[str]
    paper: ClassVar[Mapping[str, Figures]] = {}
    options: ClassVar[Mapping[str, Option | tuple[Option, Option, Option]]] = {}

    @abstractmethod
    def measure(self, setup: Setup) -> Found:
        """Do what the paper did.  Raises `InvalidData` if the data are not here."""

    def setup(self, size: str = "usual", **given: Any) -> Setup:
        """What it is measured at by default at one of its sizes, but for what is given: options, or `data_dir`.
        Raises `InvalidSetting`."""
        if unread := [name for name in given if name not in (*self.options, "data_dir")]:
            raise InvalidSetting(
                f"{self.source}: nothing depends on {' and '.join(unread)}.",
                f"It can be given {', '.join((*self.options, 'data_dir'))}.",
                "Leave the others out.",
            )
        if strange := set(self.options) - {one.name for one in fields(Setup)}:
            raise InvalidSetting(
                f"{self.source}: there is no option {' and '.join(sorted(strange))}.",
                f"{', '.join(one.name for one in fields(Setup))}.",
                "Choose among these: `options`.",
            )
        at = SIZES.index(size) if size in SIZES else 0
        own = {name: value[at] if isinstance(value, tuple) else value for name, value in self.options.items()}
        return Setup(**own | given | {"size": size})

    @property
    def title(self) -> str:
        """What it is: the first paragraph of its docstring."""
        return " ".join((type(self).__doc__ or "").partition("\n\n")[0].split()).rstrip(".")

    def printed(self, case: str) -> Figures:
        """The paper's figures of a row."""
        of = [key for key in self.paper if case == key or case.startswith(f"{key}, ")]
        return self.paper[max(of, key=len)] if of else {}
