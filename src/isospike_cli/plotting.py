"""The command that draws a network at work."""

import io
from pathlib import Path
from typing import Annotated

import torch
import typer

from isospike import store
from isospike.engine import load
from isospike.errors import InvalidSetting
from isospike.plot import raster, readout
from isospike.plot.raster import height, spiking
from isospike.simulate import simulate
from isospike_cli.options import File, Inputs
from isospike_cli.tables import err

KINDS = (".png", ".svg", ".pdf")
SHARPNESS = 150  # dots an inch, of a .png


def plot_command(
    file: File,
    inputs: Inputs,
    output: Annotated[Path, typer.Option("--out", help=f"Picture to write: {', '.join(KINDS)}.")],
    sample: Annotated[int, typer.Option(min=0, help="Number of the sample, from 0.")] = 0,
    neurons: Annotated[int, typer.Option(min=1, help="Neurons of a stage that are shown.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of which neurons are shown.")] = 0,
) -> None:
    """Draw one sample on its way through a spiking network: the spikes of each stage, and what is read out.

    Example: isospike plot lenet.safetensors --data mnist-sample --sample 3 --out raster.png
    """
    from matplotlib.figure import Figure

    if output.suffix.lower() not in KINDS:
        raise InvalidSetting(f"--out {output}: no picture ends so.", f"{', '.join(KINDS)}.", "Choose one of these.")
    network = load(file)
    data = inputs.of(network, False)
    if sample >= len(data):
        what = f"there is no sample {sample} in {data.name}."
        raise InvalidSetting(what, f"0 to {len(data) - 1:,}.", "Choose one of these: --sample.")
    trace = simulate(network, network.own(data.take(torch.tensor([sample]))))
    if stages := spiking(trace):
        figure = Figure(figsize=(10.5, 1.2 + 0.12 * height(stages, neurons)), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3.4, 1))
        raster(trace, neurons=neurons, seed=seed, axes=left)
    else:
        figure = Figure(figsize=(5, 4), layout="constrained")
        left = right = figure.subplots()
    readout(trace, axes=right)
    label = "" if data.labels is None or data.labels.is_floating_point() else f", of class {int(data.labels[sample])}"
    left.set_title(f"{file.name}: sample {sample} of {data.name}{label}", loc="left", fontsize=10)
    picture = io.BytesIO()
    figure.savefig(picture, format=output.suffix[1:].lower(), dpi=SHARPNESS)
    store.write(output, picture.getvalue())
    err.print(f"wrote {output}", highlight=False)
