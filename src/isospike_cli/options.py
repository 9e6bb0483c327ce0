"""What the commands share: options as dataclasses, and how names become objects."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import torch
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from isospike.codings import METHODS, TTFS, Coding, Rate
from isospike.codings.normalise import Bounds, ModelBased, Normalise, Percentile, SpikeNorm
from isospike.constraints import HARDWARE as HARDWARE
from isospike.constraints import Constraint
from isospike.convert import Conversion
from isospike.data import PRESETS, Data, open_data
from isospike.encoders import Bernoulli, ConstantCurrent, Poisson, RegularSpikes
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting, first_line
from isospike.importers import Model
from isospike.importers import digest as digest
from isospike.importers import model_of as model_of
from isospike.ir.typed import Seed
from isospike.neurons import IF, LIF, BurstIF, SignedIF, Stepping, TernaryIF
from isospike.simulate import ClosedForm, EventDriven, Simulator, Stepped
from isospike_cli.flat import meanings, optional
from isospike_cli.tables import err

ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="An ONNX file, a torch.export archive (.pt2), package.module:factory or file.py:factory."
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A spiking network written by `isospike convert`.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
Device = Annotated[
    str, typer.Option("--device", help="Where spikes are computed: cpu, cuda, cuda:1, mps; the best there is: auto.")
]
Positive = Annotated[int, range(1, 1 << 53)]

SIMULATORS: dict[str, Simulator] = {"closed-form": ClosedForm(), "event-driven": EventDriven(), "stepped": Stepped()}
NEURONS: dict[str, Stepping] = {
    "if": IF(),
    "if-zero": IF(reset="zero"),
    "lif": LIF(),
    "lif-zero": LIF(reset="zero"),
    "ternary": TernaryIF(),
    "burst": BurstIF(),
    "burst-integer": BurstIF(most=math.inf),
    "signed": SignedIF(),
    "signed-integer": SignedIF(most=math.inf),
}
ENCODERS = {"constant": ConstantCurrent, "regular": RegularSpikes, "bernoulli": Bernoulli, "poisson": Poisson}
NORMALISATIONS: dict[str, Callable[..., Normalise]] = {
    "percentile": Percentile,
    "model": ModelBased,
    "bounds": Bounds,
    "spikes": SpikeNorm,
}


@dataclass(frozen=True)
class Inputs:
    """
    | field        | meaning |
    |--------------|--------------------|
    | `data`       | a name (mnist, cifar10, iris, mnist-sample, …), an image folder, a .csv or an .npz with `images` |
    | `data_dir`   | where torchvision's data sets are; else $ISOSPIKE_DATA |
    | `preprocess` | 'MEAN… STD…' a channel, of pixels scaled to [0, 1]: '0.1307 0.3081'; or a data set's name |
    | `size`       | resize and crop a folder's images to this size |
    | `samples`    | use the first so many samples |
    """

    data: str
    data_dir: Path | None = None
    preprocess: str | None = None
    size: int | None = None
    samples: Positive | None = None

    def open(self, train: bool) -> Data:
        """A split of the data, preprocessed as the options say."""
        return open_data(self.data, train, self.data_dir, mean_and_deviation(self.preprocess), self.size)

    def of(self, network: SpikingNetwork, train: bool) -> Data:
        """A split preprocessed as that which a network was converted with.  Raises `InvalidSetting` if the options say
        otherwise."""
        kept, given = network.body.preprocessing, mean_and_deviation(self.preprocess)
        if kept is None:
            return self.open(train)
        for option, own, other in (("preprocess", (kept.mean, kept.std), given), ("size", kept.size, self.size)):
            if other is not None and other != own:
                what = f"--{option} {other} contradicts the file: its network was converted with {own}."
                raise InvalidSetting(what, "What the file keeps.", "Leave it out.")
        return replace(open_data(self.data, train, self.data_dir, None, kept.size), mean=kept.mean, std=kept.std)


@dataclass(frozen=True)
class Thousand(Inputs):
    """Inputs of which a thousand are used unless more are asked for."""

    samples: Positive | None = 1000


@dataclass(frozen=True)
class Declared:
    """
    | field   | meaning                                            |
    |---------|----------------------------------------------------|
    | `range` | LOW HIGH, the range that inputs lie in; else the data's |
    | `dtype` | float32 or float64                                 |
    """

    range: tuple[float, float] | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "float64"):
            raise InvalidSetting(
                f"dtype `{self.dtype}` is not known.", "float32, float64.", "Choose one of these: --dtype."
            )

    @property
    def precision(self) -> torch.dtype:
        """As PyTorch has it."""
        return torch.float32 if self.dtype == "float32" else torch.float64

    def conversion(self, model: Model, train: Data) -> Conversion:
        """The model, read and calibrated on these samples."""
        with err.status("converting"):
            return Conversion(model, train, self.range)


@dataclass(frozen=True)
class Trials:
    """
    | field    | meaning                                                                                    |
    |----------|--------------------------------------------------------------------------------------------|
    | `trials` | draws of what is random, on the hardware or in the input; figures are their means          |
    | `seed`   | of what is random                                                                          |
    """

    trials: Positive = 1
    seed: Seed = 0


def _settings() -> tuple[dict[str, Any], dict[str, str]]:
    """Kinds and meanings of the codings' settings that have a form on the command line."""
    words: dict[str, dict[str, Any]] = {"neuron": NEURONS, "encoder": ENCODERS}
    kinds: dict[str, Any] = {}
    said: dict[str, str] = {}
    for name, coding in (("ttfs", TTFS), ("rate codes", Rate)):
        hints, meaning = get_type_hints(coding), meanings(coding)
        for one in fields(coding):
            if one.name == "correction":
                continue  # an object of its own, for Python only
            choice = f": {', '.join(words[one.name])}" if one.name in words else ""
            choice = (
                ": percentile:99.9, percentile:99.9:layer, model, bounds, spikes"
                if one.name == "normalise"
                else choice
            )
            kinds[one.name] = str if choice else hints[one.name]
            own = f"of {name}: {meaning[one.name]}{choice}"
            said[one.name] = f"{said[one.name]}; {own}" if one.name in said else own
    return kinds, {"coding": f"ttfs, rate, or a method: {', '.join(METHODS)}"} | said


CodingOptions: Any = optional("CodingOptions", *_settings(), first={"coding": (str, "ttfs")})
Hardware: Any = optional(
    "Hardware",
    {name: get_type_hints(kind)[fields(kind)[0].name] for name, (kind, _) in HARDWARE.items()},
    {name: said for name, (_, said) in HARDWARE.items()},
)


def coding_of(options: Any) -> Coding:
    """The coding that the options ask for; settings that are None are left to it."""
    name = options.coding
    if name not in METHODS:
        raise InvalidSetting(
            f"coding `{name}` is not known.", f"Known: {', '.join(METHODS)}.", "Choose one of these: --coding."
        )
    base = METHODS[name]
    made: dict[str, Callable[[str], Any]] = {
        "neuron": partial(_known, "neuron", NEURONS),
        "encoder": partial(_known, "encoder", ENCODERS),
        "normalise": _normalisation,
    }
    known = [one.name for one in fields(base) if one.name != "correction"]
    given = {
        one.name: value
        for one in fields(options)
        if one.name != "coding" and (value := getattr(options, one.name)) is not None
    }
    if foreign := [key for key in given if key not in known]:
        raise InvalidSetting(
            f"--{foreign[0]} is no setting of {name}.", f"Settings of {name}: --{', --'.join(known)}.", "Leave it out."
        )
    return replace(base, **{key: made[key](value) if key in made else value for key, value in given.items()})


def device_of(name: str) -> torch.device:
    """The device of this name; the best there is for `auto`.  Raises `InvalidSetting` if it is not there."""
    best = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.empty(0, device=best if name == "auto" else name).device
    except (RuntimeError, AssertionError, ImportError) as error:
        raise InvalidSetting(
            f"--device {name}: {first_line(error)}", "cpu; cuda or mps where there is one; auto.", "Leave it out."
        ) from error


def constraints(options: Any) -> list[Constraint]:
    """The hardware that the options ask for."""
    made: list[tuple[Callable[[Any], Constraint], Any]] = [
        (kind, getattr(options, name)) for name, (kind, _) in HARDWARE.items()
    ]
    return [kind(value) for kind, value in made if value is not None]


def _known(kind: str, table: dict[str, Any], name: str) -> Any:
    if name not in table:
        raise InvalidSetting(
            f"{kind} `{name}` is not known.", f"Known: {', '.join(table)}.", f"Choose one of these: --{kind}."
        )
    return table[name]


def _normalisation(text: str) -> Normalise:
    name, *settings = text.split(":")
    made: Callable[..., Normalise] = _known("normalise", NORMALISATIONS, name)
    if not settings:
        return made()
    try:
        if name != "percentile" or len(settings) > 2:
            raise ValueError(text)
        return made(float(settings[0]), *settings[1:])
    except ValueError as error:
        what = f"--normalise {text} cannot be read."
        raise InvalidSetting(
            what,
            f"{', '.join(NORMALISATIONS)}; percentile:NUMBER, percentile:NUMBER:layer.",
            "percentile:99.9 is usual.",
        ) from error


def mean_and_deviation(text: str | None) -> Any:
    """The numbers of --preprocess, or those of the data set that it names."""
    if text is None:
        return None
    if (preset := text.strip().lower().replace("-", "_")) in PRESETS:
        return PRESETS[preset]
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    half = len(numbers) // 2
    if not half or len(numbers) % 2:
        raise InvalidSetting(
            f"--preprocess '{text}' cannot be read.",
            f"'MEAN… STD…', as many of one as of the other; or {', '.join(PRESETS)}.",
            "For MNIST: '0.1307 0.3081', or mnist.",
        )
    return tuple(numbers[:half]), tuple(numbers[half:])


def notes(network: SpikingNetwork) -> None:
    """Print what the import left out."""
    for note in network.body.notes:
        err.print(f"note: {note}")


@contextmanager
def progress(label: str, total: int, quiet: bool) -> Iterator[Callable[..., None]]:
    """A bar on stderr, and what moves it on and may label it anew."""

    def move(n: int, label: str | None = None) -> None:
        bar.update(task, advance=n, description=label)

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=quiet,
    ) as bar:
        task = bar.add_task(label, total=total)
        yield move
