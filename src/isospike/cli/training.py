"""Commands that train: from scratch, and a converted network for the hardware it is to run on."""

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch.utils.data import DataLoader

from isospike.cli.hardware import Bits, Jitter, LatencyOption, Mismatch, NoiseOption, TimeStepsOption, constraints
from isospike.cli.options import DataDir, DataName, Dtype, File, Json, Normalize, Range, Samples, data_for, declared_range, mean_and_deviation, model_of
from isospike.cli.tables import err, show_figures
from isospike.codings import TTFS
from isospike.constraints import Constraint
from isospike.convert import convert
from isospike.data import Data, loader, open_data
from isospike.engine import SpikingNetwork, load, save
from isospike.errors import InvalidFile, InvalidSetting
from isospike.train import Sparsity, fit, prepare, read_curve
from isospike.train.networks import NETWORKS, initial

Epochs = Annotated[int, typer.Option(min=1, help="Epochs.")]
Rate = Annotated[float, typer.Option(min=0.0, help="Learning rate of Adam, at the start.")]
Decay = Annotated[float, typer.Option(min=0.0, help="Factor on the learning rate after each epoch.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Samples a step.")]
Shift = Annotated[int, typer.Option(min=0, help="Batches are moved by up to so many pixels.")]
Flip = Annotated[bool, typer.Option(help="Half of the images are mirrored.")]
L1 = Annotated[float | None, typer.Option(help="Price of activity, in the loss; with --spikes where it begins.")]
Spikes = Annotated[float | None, typer.Option(help="Spikes a hidden neuron that training is to arrive at.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after the last epoch that was kept.")]
Accelerator = Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")]
Devices = Annotated[int, typer.Option(min=1, help="How many of them.")]
Output = Annotated[Path, typer.Option("--out", help="File to write; checkpoints, curve and settings go to a folder beside it.")]
HELD_OUT = 2000  # test samples that the accuracy after each epoch is taken over


def train_command(
    model: Annotated[str, typer.Argument(metavar="NETWORK", help=f"{', '.join(NETWORKS)}; an .onnx file, .pt2, or package.module:factory to begin from.")],
    data: DataName,
    output: Output,
    coding: Annotated[str, typer.Option(help="ttfs: time to first spike.")] = "ttfs",
    epochs: Epochs = 10,
    rate: Rate = 5e-4,
    decay: Decay = 0.9,
    batch: BatchSize = 64,
    time_steps: TimeStepsOption = None,
    weight_bits: Bits = None,
    jitter: Jitter = None,
    latency: LatencyOption = None,
    mismatch: Mismatch = None,
    weight_noise: NoiseOption = None,
    l1: L1 = None,
    spikes: Spikes = None,
    shift: Shift = 0,
    flip: Flip = False,
    seed: int = 0,
    resume: Resume = False,
    dtype: Dtype = "float32",
    samples: Samples = None,
    input_range: Range = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    accelerator: Accelerator = "cpu",
    devices: Devices = 1,
    as_json: Json = False,
) -> None:
    """Train a network in spike times from scratch: its ReLU network's weights as initialised, mapped, and then trained as they are."""
    if coding != "ttfs":
        raise InvalidSetting(f"coding `{coding}` cannot be trained.", "ttfs.", "Leave --coding out.")
    if dtype not in ("float32", "float64"):
        raise InvalidSetting(f"dtype `{dtype}` is not known.", "float32, float64.", "Choose one of these: --dtype.")
    train, test = (open_data(data, split, data_dir, mean_and_deviation(normalize)) for split in (True, False))
    train, test = train.first(samples), test.first(HELD_OUT)
    batches = loader(train, batch, shift=shift, flip=flip, dtype=getattr(torch, dtype))
    first = next(iter(train))
    classes = int(train.labels.max()) + 1 if train.labels is not None else 0
    made = initial(model, tuple(first.shape[1:]), classes, seed) if model in NETWORKS or not ({".", ":"} & set(model)) else model_of(model)
    network = convert(made, train.first(1000), TTFS(), declared_range(train, input_range), getattr(torch, dtype))
    hardware = constraints(time_steps, weight_bits, jitter, latency, mismatch, weight_noise)
    about = {"network": model, "data": data, "batch": batch, "shift": shift, "flip": flip, "normalize": normalize, "samples": len(train)}
    how = {"epochs": epochs, "decay": decay, "seed": seed, "resume": resume, "accelerator": accelerator, "devices": devices}
    _fit(network, hardware, batches, test, output, rate, l1, spikes, as_json, about, **how)


def tune_command(
    file: File,
    data: DataName,
    output: Output,
    epochs: Epochs = 10,
    rate: Rate = 1e-4,
    decay: Decay = 0.8,
    batch: BatchSize = 64,
    time_steps: TimeStepsOption = None,
    weight_bits: Bits = None,
    jitter: Jitter = None,
    latency: LatencyOption = None,
    mismatch: Mismatch = None,
    weight_noise: NoiseOption = None,
    l1: L1 = None,
    spikes: Spikes = None,
    shift: Shift = 0,
    flip: Flip = False,
    seed: int = 0,
    resume: Resume = False,
    samples: Samples = None,
    normalize: Normalize = None,
    data_dir: DataDir = None,
    accelerator: Accelerator = "cpu",
    devices: Devices = 1,
    as_json: Json = False,
) -> None:
    """Fine-tune a spiking network for the hardware that the options describe."""
    network = load(file)
    train, test = (data_for(network, data, split, data_dir, normalize, None) for split in (True, False))
    train, test = train.first(samples), test.first(HELD_OUT)
    batches = loader(train, batch, shift=shift, flip=flip, dtype=network.dtype)
    hardware = constraints(time_steps, weight_bits, jitter, latency, mismatch, weight_noise)
    about = {"network": str(file), "data": data, "batch": batch, "shift": shift, "flip": flip, "normalize": normalize, "samples": len(train)}
    how = {"epochs": epochs, "decay": decay, "seed": seed, "resume": resume, "accelerator": accelerator, "devices": devices}
    _fit(network, hardware, batches, test, output, rate, l1, spikes, as_json, about, **how)


def _fit(
    network: SpikingNetwork,
    hardware: list[Constraint],
    batches: DataLoader[Any],
    test: Data,
    output: Path,
    rate: float,
    l1: float | None,
    spikes: float | None,
    as_json: bool,
    about: dict[str, Any],
    **settings: Any,
) -> None:
    low, high = network.body.encoder.low, network.body.encoder.high
    about |= {"constraints": list(map(repr, hardware)), "l1": l1, "spikes": spikes, "dtype": str(network.dtype)}
    about |= {"range": [float(low.min()), float(high.max())]}
    sparsity = Sparsity(0.1 if l1 is None else l1, spikes) if l1 is not None or spikes is not None else None
    folder = output.parent / f"{output.name}.run"
    if output.is_dir() or not output.parent.is_dir():
        raise InvalidFile(f"`{output}` cannot be written.", "A file in a folder that exists.", "Choose another place: --out.")
    for x, _ in test.batches():
        network.body.encoder.encode(x.to(network.dtype))  # refuses now what it would refuse after an epoch
    held_out = [(x.to(network.dtype), y) for x, y in test.batches() if y is not None]
    adam = partial(torch.optim.Adam, lr=rate)
    trainee = prepare(network, hardware, sparsity=sparsity)
    tuned = fit(trainee, batches, optimizer=adam, held_out=held_out or None, folder=folder, about=about, quiet=as_json, **settings)
    save(tuned, output)
    rows = read_curve(folder)
    figures = {"file": str(output), "epochs": len(rows), "loss": rows[-1]["loss"], "accuracy": rows[-1]["accuracy"], "latency": tuned.latency}
    figures = {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in figures.items()}
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        show_figures(figures, f"trained, accuracy on the first {len(test):,} of {test.name}'s test split")
        err.print(f"wrote {output}, and {folder} with run.json, curve.csv and the last checkpoint", highlight=False)


TRAINING_COMMANDS: dict[str, Callable[..., None]] = {"train": train_command, "tune": tune_command}
