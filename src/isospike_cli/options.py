"""What the commands share: options as dataclasses, and how names become objects."""

import hashlib
import importlib
import importlib.util
import math
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_type_hints

import torch
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from isospike.codings import METHODS, TTFS, Coding, Rate
from isospike.codings.normalise import Bounds, ModelBased, Normalise, Percentile, SpikeNorm
from isospike.constraints import Constraint, Latency, SlopeMismatch, SpikeJitter, TimeSteps, WeightBits, WeightNoise
from isospike.convert import Conversion
from isospike.data import PRESETS, Data, open_data
from isospike.encoders import Bernoulli, ConstantCurrent, Poisson, RegularSpikes
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidModel, InvalidSetting, first_line
from isospike.importers import Model
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
# The order is that in which constraints act.
HARDWARE: dict[str, tuple[type[Constraint], str]] = {
    "weight_bits": (WeightBits, "weights are integers of so many bits"),
    "weight_noise": (WeightNoise, "standard deviation of weights, of the largest of a layer"),
    "mismatch": (SlopeMismatch, "standard deviation of the ramps' slopes"),
    "latency": (Latency, "windows hold this share of the activations: 0.95"),
    "time_steps": (TimeSteps, "spikes fall on so many ticks a layer"),
    "jitter": (SpikeJitter, "standard deviation of spike times [time]"),
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


def model_of(name: str) -> Model:
    """The model that a name stands for.  Never unpickles."""
    path = Path(name)
    if path.suffix in (".onnx", ".pt2"):
        return path
    if ":" in name and not path.exists():
        return _made(*name.rsplit(":", 1))
    if path.suffix == ".safetensors":
        raise InvalidModel(
            f"`{name}` holds tensors, or a spiking network that was converted already.",
            "The model that it is to be, or was, made from.",
            f"A spiking network runs by: isospike run {name}; weights need the code of their network: "
            "package.module:factory.",
        )
    raise InvalidModel(
        f"`{name}` {_reason(path)} loaded.",
        "An .onnx file, a torch.export archive (.pt2), package.module:factory or file.py:factory.",
        "Load it in your own code and pass `package.module:factory`, or export it: "
        "torch.export.save(torch.export.export(model, (x,)), 'model.pt2').",
    )


def digest(model: Model) -> str:
    """A hash of a model's file, or of its layers and tensors."""
    found = hashlib.sha256()
    if isinstance(model, Path):
        found.update(model.read_bytes())
    elif isinstance(model, nn.Module):
        found.update(repr(model).encode())
        for name, tensor in model.state_dict().items():
            found.update(name.encode() + tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:12]


def _reason(path: Path) -> str:
    if path.suffix not in (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt"):
        return "is not a model that can be read, so it was not"
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        if any("/code/" in member for member in archive.namelist()):
            return "is TorchScript, which torch.export has replaced, so it is not"
    return "is a pickle, which can run any code when it is opened, so it is not"


def _imported(module: str) -> ModuleType:
    """A module by its name, or by the path of its file."""
    path = Path(module)
    if path.suffix != ".py":
        return importlib.import_module(module)
    name = f"isospike.model.{path.stem}"  # of its own: a file may be called as a module is that others import
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def _made(module: str, factory: str) -> nn.Module:
    supported = (
        "package.module:factory or file.py:factory: a class or a function without arguments that makes an nn.Module."
    )
    try:
        made = getattr(_imported(module), factory)()
    except Exception as error:  # it is the user's code
        raise InvalidModel(
            f"`{module}:{factory}` cannot be imported or called: {type(error).__name__}: {error}",
            supported,
            "Call it in a Python session to see where.",
        ) from error
    if not isinstance(made, nn.Module):
        raise InvalidModel(
            f"`{module}:{factory}` returned a {type(made).__name__}.", supported, "Return the model itself."
        )
    return made


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
