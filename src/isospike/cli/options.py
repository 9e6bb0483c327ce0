"""What the commands share: options, and how names become objects."""

import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from isospike.cli.tables import err
from isospike.codings import Coding, Rate
from isospike.codings.methods import METHODS
from isospike.codings.normalise import Bounds, ModelBased, Normalise, Percentile, SpikeNorm
from isospike.convert import convert
from isospike.data import PRESETS, Data, open_data
from isospike.encoders import Bernoulli, ConstantCurrent, Poisson, RegularSpikes
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidModel, InvalidSetting
from isospike.importers import Model
from isospike.neurons import IF, LIF, BurstIF, SignedIF, Stepping, TernaryIF
from isospike.simulate import ClosedForm, EventDriven, Simulator, Stepped

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="An ONNX file, a torch.export archive (.pt2), or package.module:factory.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A spiking network written by `isospike convert`.")]
DataName = Annotated[str, typer.Option("--data", help="A torchvision name (mnist, cifar10, …), mnist-sample, an image folder, or an .npz with `images`.")]
DataDir = Annotated[Path | None, typer.Option(help="Where torchvision's data sets are; else $ISOSPIKE_DATA.")]
Normalize = Annotated[
    str | None, typer.Option(metavar="'MEAN… STD…'", help="Numbers a channel, after scaling pixels to [0, 1]: '0.1307 0.3081'; or a data set's name.")
]
Size = Annotated[int | None, typer.Option(help="Resize and crop a folder's images to this size.")]
Samples = Annotated[int | None, typer.Option(min=1, help="Use the first so many samples.")]
Range = Annotated[tuple[float, float] | None, typer.Option("--range", metavar="LOW HIGH", help="The range that inputs lie in; else the data's.")]
Mapping = Annotated[str | None, typer.Option(help="Of ttfs: identical, fixed, positive or dynamic.")]
Margin = Annotated[float | None, typer.Option(help="Of ttfs: ζ, by how much windows exceed the largest calibrated activation.")]
Windows = Annotated[str | None, typer.Option(help="Of ttfs: calibrated (from data) or certified (for every input in the range).")]
Scale = Annotated[str | None, typer.Option(help="Of ttfs: layer, or channel: each channel's activations fill the window.")]
Outside = Annotated[str, typer.Option(help="Inputs outside the range: error, or clip (and count).")]
Dtype = Annotated[str, typer.Option(help="float32 or float64.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
CodingName = Annotated[str, typer.Option("--coding", help="ttfs: time to first spike; rate; or a method: isospike compare lists them.")]
Steps = Annotated[int | None, typer.Option(min=1, help="T, of rate codes.")]
Neuron = Annotated[str | None, typer.Option(help="Of rate codes: if, if-zero, lif, ternary, burst, signed, signed-integer.")]
Normalisation = Annotated[str | None, typer.Option("--normalise", help="Of rate codes: percentile:99.9, percentile:99.9:layer, model, bounds, spikes.")]
EncoderName = Annotated[str | None, typer.Option("--encoder", help="Of rate codes: constant, regular, bernoulli, poisson.")]
PoolName = Annotated[str | None, typer.Option("--pool", help="Of rate codes: max pools compare counts online, or over the whole window.")]
Initial = Annotated[float | None, typer.Option(help="Of rate codes: potential at the start, as a share of the threshold.")]


SIMULATORS: dict[str, Simulator] = {"closed-form": ClosedForm(), "event-driven": EventDriven(), "stepped": Stepped()}
NEURONS: dict[str, Stepping] = {
    "if": IF(),
    "if-zero": IF(reset="zero"),
    "lif": LIF(),
    "ternary": TernaryIF(),
    "burst": BurstIF(),
    "signed": SignedIF(),
    "signed-integer": SignedIF(most=math.inf),
}
ENCODERS = {"constant": ConstantCurrent, "regular": RegularSpikes, "bernoulli": Bernoulli, "poisson": Poisson}
NORMALISATIONS: dict[str, Callable[..., Normalise]] = {"percentile": Percentile, "model": ModelBased, "bounds": Bounds, "spikes": SpikeNorm}


def notes(network: SpikingNetwork) -> None:
    for note in network.body.notes:
        err.print(f"note: {note}")


def model_of(name: str) -> Model:
    """The model that a name stands for.  Never unpickles."""
    path = Path(name)
    if path.suffix in (".onnx", ".pt2"):
        return path
    if ":" in name and not path.exists():
        return _made(*name.split(":", 1))
    reason = (
        "is a pickle, which can run any code when it is opened, so it is not"
        if path.suffix in (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt")
        else "is not a model that can be read, so it was not"
    )
    raise InvalidModel(
        f"`{name}` {reason} loaded.",
        "An .onnx file, a torch.export archive (.pt2), or package.module:factory.",
        "Load it in your own code and pass `package.module:factory`, or export it: torch.export.save(torch.export.export(model, (x,)), 'model.pt2').",
    )


def _made(module: str, factory: str) -> nn.Module:
    supported = "package.module:factory, importable from here: a function without arguments that returns an nn.Module."
    try:
        made = getattr(importlib.import_module(module), factory)()
    except Exception as error:  # it is the user's code
        raise InvalidModel(
            f"`{module}:{factory}` cannot be had: {type(error).__name__}: {error}", supported, "Call it in a Python session to see where."
        ) from error
    if not isinstance(made, nn.Module):
        raise InvalidModel(f"`{module}:{factory}` returned a {type(made).__name__}.", supported, "Return the model itself.")
    return made


def coding(name: str, ttfs: dict[str, Any], rate: dict[str, Any], outside: str) -> Coding:
    """The coding of this name with these settings; those that are None are left to it."""
    if name not in METHODS:
        raise InvalidSetting(f"coding `{name}` is not known.", f"Known: {', '.join(METHODS)}.", "Choose one of these: --coding.")
    base = METHODS[name]
    wanted, others = ttfs, rate
    if isinstance(base, Rate):
        known: dict[str, Callable[[Any], Any]] = {
            "neuron": partial(_known, "neuron", NEURONS),
            "encoder": partial(_known, "encoder", ENCODERS),
            "normalise": _normalisation,
        }
        wanted, others = {key: known[key](value) if key in known and value is not None else value for key, value in rate.items()}, ttfs
    for key, value in others.items():
        if value is not None:
            raise InvalidSetting(f"--{key} is no setting of {name}.", f"Settings of {name}: --{', --'.join(wanted)}.", "Leave it out.")
    return replace(base, outside=outside, **{key: value for key, value in wanted.items() if value is not None})  # type: ignore[call-arg]


def _known(kind: str, table: dict[str, Any], name: str) -> Any:
    if name not in table:
        raise InvalidSetting(f"{kind} `{name}` is not known.", f"Known: {', '.join(table)}.", f"Choose one of these: --{kind}.")
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
        raise InvalidSetting(what, f"{', '.join(NORMALISATIONS)}; percentile:NUMBER, percentile:NUMBER:layer.", "percentile:99.9 is usual.") from error


def converted(model: Model, train: Data, coding: Coding, declared: tuple[float, float] | None, dtype: str) -> SpikingNetwork:
    if dtype not in ("float32", "float64"):
        raise InvalidSetting(f"dtype `{dtype}` is not known.", "float32, float64.", "Choose one of these: --dtype.")
    with err.status("converting"):
        return convert(model, train, coding, declared_range(train, declared), getattr(torch, dtype))


def declared_range(train: Data, declared: tuple[float, float] | None) -> Any:
    return declared if declared is not None else train.input_range()


def data_for(network: SpikingNetwork, name: str, train: bool, directory: Path | None, normalize: str | None, size: int | None) -> Data:
    """Samples preprocessed as those that the network was converted with.  Raises `InvalidSetting` if the options say otherwise."""
    kept, given = network.body.preprocessing, mean_and_deviation(normalize)
    if kept is None:
        return open_data(name, train, directory, given, size)
    for option, own, other in (("normalize", (kept.mean, kept.std), given), ("size", kept.size, size)):
        if other is not None and other != own:
            raise InvalidSetting(f"--{option} {other} contradicts the file: its network was converted with {own}.", "What the file keeps.", "Leave it out.")
    return replace(open_data(name, train, directory, None, kept.size), mean=kept.mean, std=kept.std)


def mean_and_deviation(text: str | None) -> Any:
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
            f"--normalize '{text}' cannot be read.",
            f"'MEAN… STD…', as many of one as of the other; or {', '.join(PRESETS)}.",
            "For MNIST: '0.1307 0.3081', or mnist.",
        )
    return tuple(numbers[:half]), tuple(numbers[half:])


@contextmanager
def progress(label: str, total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    with Progress(TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err, transient=True, disable=quiet) as bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)
