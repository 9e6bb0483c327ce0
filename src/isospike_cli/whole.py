"""Networks in whole numbers, whatever their code: what export does for integers, and run for --arithmetic integer."""

import json
from pathlib import Path

import numpy as np
import torch
import typer

from isospike.engine import SpikingNetwork, load, save
from isospike.errors import InvalidFile, InvalidSetting
from isospike.export import Exported, IntegerRates, Integers, ShiftAdd
from isospike.neurons import Accumulator
from isospike_cli.options import Thousand
from isospike_cli.tables import err, show_figures

TOGETHER = 20  # samples whose spikes are held at a time


def in_integers(network: SpikingNetwork, bits: int | None = None) -> Exported:
    """The integers of a network.  bits: of its weights, where they are not whole yet.  Raises `InvalidSetting`."""
    if network.body.steps and isinstance(network.stages[-1].neuron, Accumulator):
        return IntegerRates.of(network, bits)
    if network.body.steps:
        return ShiftAdd.of(network) if bits is None else ShiftAdd.of(network, bits)
    if bits is not None:
        raise InvalidSetting(
            f"--bits {bits} of a network of first spikes.",
            "Rate codes, and networks of units.",
            f"Leave it out, and tune the network with --weight-bits {bits}.",
        )
    return Integers.of(network)


def exported(file: Path, output: Path, inputs: Thousand, bits: int | None, as_json: bool) -> None:
    """Write a network of integers, and compare its simulation in integers with that in floating point."""
    if output.suffix != ".safetensors":
        raise InvalidFile(f"`{output}` does not end in .safetensors.", "FILE.safetensors.", "Choose another: --out.")
    network = load(file)
    data = inputs.of(network, False).first(inputs.samples)
    made = in_integers(network, bits)
    save(made.network, output)
    same, right, differing = list[np.ndarray](), list[np.ndarray](), 0
    for x, labels in data.batches():
        own = made.network(x.double()).flatten(1).argmax(1)
        same.append((network(x.to(network.dtype)).flatten(1).argmax(1) == own).numpy())
        if labels is not None:
            right.append((own == labels).numpy())
        differing += sum(made.differing(part) for part in torch.split(x, TOGETHER))
    figures = {
        "form": type(made).__name__,
        "word": made.word if isinstance(made, IntegerRates) else None,
        "samples": len(data),
        "differing": differing,
        "accuracy": float(np.mean(np.concatenate(right))) if right else None,
        "same_prediction": float(np.mean(np.concatenate(same))),
    }
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        show_figures(figures, f"{file.name} in integers, compared over {len(data):,} samples of {data.name}")
        err.print(f"wrote {output}; run it: isospike run {output}", highlight=False)
    if differing:
        raise typer.Exit(1)
