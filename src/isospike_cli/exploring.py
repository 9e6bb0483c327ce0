"""The command that serves a living page of a network."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from isospike.convert import Conversion
from isospike.engine import load
from isospike.errors import InvalidSetting
from isospike.explore import Subject, read_apart, serve, warm
from isospike_cli.options import Thousand, model_of
from isospike_cli.priced import USUALLY, Priced, prices_of
from isospike_cli.tables import err

Name = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|FILE",
        help="A model: an ONNX file, a torch.export archive (.pt2), package.module:factory or file.py:factory; or a "
        "spiking network written by `isospike convert`, with --model.",
    ),
]
Original = Annotated[str | None, typer.Option("--model", help="The model that FILE was converted from.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Of 127.0.0.1; any that is free: 0.")]
Range = Annotated[
    tuple[float, float] | None,
    typer.Option("--range", help="LOW HIGH, the range that inputs lie in; else the data's."),
]


def explore_command(
    name: Name,
    inputs: Thousand,
    model: Original = None,
    within: Range = None,
    port: Port = 8765,
    prices: Priced = USUALLY,
) -> None:
    """Serve a page on this machine that shows a network at work, from its decision down to the arithmetic of a neuron.

    Example: isospike explore isospike.zoo:lenet5 --data mnist-sample
    """
    kept = Path(name).suffix == ".safetensors"
    if kept and model is None:
        what = f"`{name}` is a spiking network, and cannot say what its original computes."
        raise InvalidSetting(what, "FILE with --model MODEL, or MODEL alone.", "Add the model: --model.")
    if not kept and model is not None:
        what = f"--model {model} is given, and `{name}` is a model as well."
        raise InvalidSetting(what, "FILE with --model MODEL, or MODEL alone.", "Leave --model out.")
    file = load(name) if kept else None
    train, test = (
        (inputs.open(True), inputs.open(False)) if file is None else (inputs.of(file, True), inputs.of(file, False))
    )
    with err.status("converting"):
        named = model or name
        # The page lives for hours, so it does not keep what reading takes
        conversion = Conversion(model_of(named), train.first(inputs.samples), within, partial(read_apart, named))
        subject = Subject(Path(name).name, conversion, test, file, prices_of(prices))
        warm(subject)
    serve(subject, port, lambda address: err.print(f"serving {address} until Ctrl-C", highlight=False))
