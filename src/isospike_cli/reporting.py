"""The commands that write a report and a model card, and what the others need to write a report of theirs."""

import hashlib
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from isospike import store
from isospike.convert import Conversion
from isospike.data import Data
from isospike.engine import SpikingNetwork, load
from isospike.errors import InvalidSetting
from isospike.measure import Report, checked, curve, diagnose, measure
from isospike.report.card import card
from isospike.report.case import Case
from isospike.report.evidence import disagreeing, imperfect, tries
from isospike.report.html import html
from isospike.simulate import ClosedForm, EventDriven, Simulator, Stepped
from isospike_cli.options import CodingOptions, Declared, File, Inputs, Thousand, coding_of, model_of, progress
from isospike_cli.outputs import Overwrite, replaceable, writable
from isospike_cli.priced import USUALLY, Priced, prices_of
from isospike_cli.tables import err

CALIBRATION, EVENTS, CURVE, DIAGNOSED = 1000, 100, 500, 100  # samples


def settings(**given: Any) -> dict[str, object]:
    """Options by name, with the versions that matter."""
    made = {"isospike": version("isospike"), "torch": torch.__version__, "Python": platform.python_version()}
    words: dict[str, object] = {key.replace("_", " "): value if isinstance(value, int | float | str) else str(value)
             for key, value in given.items() if value is not None}  # fmt: skip
    return words | made | {"made on": date.today().isoformat()}


def command() -> str:
    """As it was typed."""
    return shlex.join(["isospike", *sys.argv[1:]])


def write(case: Case, path: Path) -> None:
    """The report as a file."""
    store.write(path, html(case))
    err.print(f"wrote {path}", highlight=False)


def report_command(
    file: Annotated[
        str, typer.Argument(metavar="FILE|MODEL", help="A spiking network, or a model, which is converted.")
    ],
    output: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="File to write.")],
    inputs: Thousand,
    coding: CodingOptions,
    declared: Declared,
    original: Annotated[
        str | None, typer.Option("--model", help="Of a FILE: the model that it was made from, to compare it with.")
    ] = None,
    prices: Priced = USUALLY,
) -> None:
    """Write a report: one HTML file with the proof, the spikes and what they cost, which opens from disk.

    Example: isospike report isospike.zoo:lenet5 --data mnist-sample --samples 100 --out report.html
    """
    writable(output)
    kept = Path(file).suffix == ".safetensors"
    if original is not None and not kept:
        raise InvalidSetting(
            f"--model {original} beside the model {file}.", "--model of a spiking network's FILE.", "Leave it out."
        )
    priced = prices_of(prices)
    if kept:
        network = load(file)
        train, test = inputs.of(network, True).first(CALIBRATION), inputs.of(network, False).first(inputs.samples)
        conversion = None if original is None else _converted(original, network, inputs)
    else:
        train, test = inputs.open(True).first(CALIBRATION), inputs.open(False).first(inputs.samples)
        conversion = declared.conversion(model_of(file), train)
        network = conversion.network(coding_of(coding), declared.precision)
    more = evidence(network, conversion, train, test)
    figures = measure(network, test.batches(), prices=priced)
    write(case(file, network, test, {"model": original, "seed": 0}, figures=figures, prices=priced, **more), output)


def card_command(
    file: File,
    output: Annotated[Path, typer.Option("--out", metavar="FILE.md", help="File to write.")],
    licence: Annotated[str, typer.Option("--license", help="As model hubs call it: apache-2.0, mit, other.")],
    inputs: Thousand,
    original: Annotated[
        str | None, typer.Option("--model", help="The model that it was made from, to compare it with.")
    ] = None,
    overwrite: Overwrite = False,
    prices: Priced = USUALLY,
) -> None:
    """Write a model card beside a spiking network: what it computes, the proof, energy, inputs, and how to load it.

    Example: isospike card lenet.safetensors --model isospike.zoo:lenet5 --data mnist-sample --samples 100
    --license apache-2.0 --out README.md
    """
    writable(output, ".md")
    replaceable(output, overwrite, "a card is written anew")
    priced, network = prices_of(prices), load(file)
    test = inputs.of(network, False).first(inputs.samples)
    conversion = None if original is None else _converted(original, network, inputs)
    found = None if conversion is None else agreement(network, conversion, test)
    figures = measure(network, test.batches(), prices=priced)
    made = case(file, network, test, {"model": original}, found=found, figures=figures, prices=priced)
    store.write(output, card(made, file.name, hashlib.sha256(file.read_bytes()).hexdigest(), licence))
    err.print(f"wrote {output}", highlight=False, markup=False)


def case(name: str | Path, network: SpikingNetwork, test: Data, said: Mapping[str, Any], **found: Any) -> Case:
    """What a report about a network shows.  said: settings that it does not know itself."""
    own = {"network": name, "data": test.name, "samples": len(test), "coding": network.body.coding}
    own |= {"dtype": str(network.dtype).removeprefix("torch.")} | dict(said)
    return Case(f"{Path(name).name} on {test.name}", command(), settings(**own), network, test, **found)


def evidence(network: SpikingNetwork, conversion: Conversion | None, train: Data, test: Data) -> Mapping[str, Any]:
    """What a whole report shows of a network: fields of a `Case`."""
    found: dict[str, Any] = {}
    oracle = None if conversion is None else conversion.original(network.dtype)
    steps = network.body.steps
    if conversion is not None and oracle is not None:
        found["found"] = agreement(network, conversion, test)
        found["differing"] = disagreeing(network, oracle, test, _simulators(network)[0])
    if steps:
        with progress("through time", min(CURVE, len(test)), False) as advance:
            found["moments"] = curve(network, test.first(CURVE).batches(), oracle, progress=advance)
        if network.body.stages[-1].neuron.hears is False:
            found["findings"] = diagnose(network, test.first(DIAGNOSED).batches())
    with progress("imperfect hardware", tries(), False) as advance:
        found["levels"] = imperfect(network, test, list(train), advance)
    return found


def agreement(network: SpikingNetwork, conversion: Conversion, test: Data) -> Report:
    """The check of a whole report: in every simulator that answers the network rightly."""
    oracle, exact = conversion.original(network.dtype), conversion.exact(network.body.signed)
    with progress("checking", len(test), False) as advance:
        return checked(oracle, exact, network, test.batches(32), _simulators(network), advance, EVENTS)


def _converted(original: str, network: SpikingNetwork, inputs: Inputs) -> Conversion:
    """The model that a file's network was made from, over the network's range."""
    train = inputs.of(network, True).first(CALIBRATION)
    return Conversion(model_of(original), train, (network.body.encoder.low, network.body.encoder.high))


def _simulators(network: SpikingNetwork) -> list[Simulator]:
    """Those that answer it rightly and are not too large for it; prints why another is left out."""
    chosen: list[Simulator] = []
    for simulator in (Stepped(),) if network.body.steps else (ClosedForm(), EventDriven()):
        try:
            simulator.check(network)
            chosen.append(simulator)
        except InvalidSetting as error:
            err.print(f"note: without {simulator.name}: {error.what}", highlight=False)
    return chosen
