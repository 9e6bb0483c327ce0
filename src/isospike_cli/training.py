"""Commands that train: from scratch, and a converted network for the hardware it is to run on."""

import json
import math
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from isospike.codings import TTFS
from isospike.data import Data, loader
from isospike.encoders import CTE, ECTE, Bernoulli, PatternEncoder, RateEncoder
from isospike.engine import SpikingNetwork, load, save
from isospike.errors import InvalidFile, InvalidSetting
from isospike.ir.typed import Seed
from isospike.train import OverTime, Sparsity, Trainee, fit, prepare, read_curve, units
from isospike.train.kept import CHECKPOINT
from isospike.train.processes import leads
from isospike.zoo import NETWORKS, initial
from isospike_cli.logs import logger
from isospike_cli.options import Declared, File, Hardware, Inputs, Json, Positive, constraints, model_of
from isospike_cli.outputs import replaceable, writable
from isospike_cli.tables import err, show_figures

Output = Annotated[
    Path, typer.Option("--out", help="File to write; checkpoints, curve and settings go to a folder beside it.")
]
Begun = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help=f"{', '.join(NETWORKS)}; an .onnx file, .pt2, or package.module:factory to begin from; with --encoder "
        "the widths of the hidden layers: 800, or 256,256,256.",
    ),
]
# Training samples that windows are made from; test samples that the accuracy after each epoch is taken over
CALIBRATION, HELD_OUT = 1000, 2000
LR, LR_UNITS = 5e-4, 1e-2
ENCODERS: dict[str, Any] = {"cte": CTE, "ecte": ECTE, "rate": Bernoulli}


@dataclass(frozen=True)
class Training:
    """
    | field         | meaning                                                        |
    |---------------|----------------------------------------------------------------|
    | `epochs`      | times that all samples are gone through                        |
    | `lr`          | learning rate of Adam, at the start; 5e-4, or 1e-2 of units    |
    | `decay`       | factor on the learning rate after each epoch                   |
    | `batch_size`  | samples a step of the optimizer                                |
    | `l1`          | price of activity, in the loss; with --spikes where it begins  |
    | `spikes`      | spikes a hidden neuron that training is to arrive at           |
    | `shift`       | each image is moved by up to so many pixels                    |
    | `flip`        | half of the images are mirrored                                |
    | `seed`        | of everything random                                           |
    | `resume`      | go on after the last epoch that was kept                       |
    | `overwrite`   | replace what is there                                          |
    | `log`         | of each epoch, by Lightning: csv, tensorboard or wandb         |
    | `report`      | write how it went, and the network, as one HTML file as well   |
    | `device`      | cpu, cuda, mps or auto                                         |
    | `devices`     | how many of them, on each node; each takes its part of a batch |
    | `nodes`       | machines that train together, started by torchrun              |
    """

    epochs: Positive = 10
    lr: float | None = None
    decay: float = 0.9
    batch_size: Positive = 64
    l1: float | None = None
    spikes: float | None = None
    shift: Annotated[int, range(1 << 16)] = 0
    flip: bool = False
    seed: Seed = 0
    resume: bool = False
    overwrite: bool = False
    log: str | None = None
    report: Path | None = None
    device: str = "cpu"
    devices: Positive = 1
    nodes: Positive = 1

    @property
    def sparsity(self) -> Sparsity | None:
        """The price on spikes, if there is one."""
        return (
            None
            if self.l1 is None and self.spikes is None
            else Sparsity(0.1 if self.l1 is None else self.l1, self.spikes)
        )


@dataclass(frozen=True)
class Patterns:
    """
    | field      | meaning                                                                              |
    |------------|--------------------------------------------------------------------------------------|
    | `encoder`  | of networks of units, trained through time: cte, ecte or rate; else first spikes     |
    | `levels`   | of a feature, that have patterns of their own                                        |
    | `steps`    | of a pattern                                                                         |
    | `outputs`  | output neurons a class                                                               |
    | `dropout`  | share of the hidden neurons that are silent for a sample                             |
    | `patience` | stop after so many epochs without a better accuracy, and keep the best               |
    """

    encoder: str | None = None
    levels: Positive | None = None
    steps: Positive = 100
    outputs: Positive = 5
    dropout: float = 0.0
    patience: Positive | None = None

    def fitted(self, train: Data, seed: int) -> PatternEncoder | RateEncoder:
        """The encoder of these samples.  Raises `InvalidSetting`."""
        if self.encoder not in ENCODERS:
            raise InvalidSetting(
                f"encoder `{self.encoder}` is not known.", f"{', '.join(ENCODERS)}.", "Choose one: --encoder."
            )
        if self.encoder == "rate":
            shape = tuple(next(iter(train.first(1))).shape[1:])
            return Bernoulli(shape, *train.input_range(), clip=True)
        more = {} if self.levels is None else {"levels": self.levels}
        return ENCODERS[self.encoder](steps=self.steps, seed=seed, **more).fit(train)


@dataclass(frozen=True)
class Tuning(Training):
    """The same for a network that was trained before."""

    lr: float | None = 1e-4
    decay: float = 0.8


@dataclass(frozen=True)
class _Run:
    """A training and what it leaves.

    | field      | meaning                                                |
    |------------|--------------------------------------------------------|
    | `name`     | of what it begins with, as the user gave it            |
    | `train`    | samples to train on                                    |
    | `held_out` | samples that the accuracy after each epoch is taken of |
    """

    name: str
    inputs: Inputs
    train: Data
    held_out: Data
    training: Training
    output: Path
    as_json: bool

    def fit(
        self,
        trainee: Trainee[SpikingNetwork],
        network: SpikingNetwork,
        more: dict[str, Any],
        patience: int | None = None,
    ) -> None:
        """Train, save, and print the figures.  more: what run.json should tell besides."""
        inputs, training, output, test = self.inputs, self.training, self.output, self.held_out
        batches = loader(
            self.train, training.batch_size, shift=training.shift, flip=training.flip, dtype=network.dtype
        )
        about: dict[str, Any] = {
            "network": self.name,
            "data": inputs.data,
            "preprocess": inputs.preprocess,
            "samples": len(self.train),
            **more,
        }
        settings = asdict(training)
        about |= {key: settings[key] for key in ("batch_size", "shift", "flip", "l1", "spikes")}
        low, high = network.body.encoder.low, network.body.encoder.high
        about |= {"dtype": str(network.dtype), "range": [float(low.min()), float(high.max())]}
        writable(training.report)
        folder = output.parent / f"{output.name}.run"
        if output.is_dir() or not output.parent.is_dir():
            raise InvalidFile(
                f"`{output}` cannot be written.", "A file in a folder that exists.", "Choose another place: --out."
            )
        checkpoint = folder / CHECKPOINT
        begun = training.resume and checkpoint.exists()
        first = leads(training.devices * training.nodes)
        if first and not begun:
            for path in (output, checkpoint):
                replaceable(path, training.overwrite, "--resume goes on with what was begun")
        if first and training.resume and not begun:
            err.print(f"note: there is no checkpoint in {folder} to resume; training begins anew.", highlight=False)
        for x, _ in test.batches():
            network.body.encoder.encode(x.to(network.dtype))  # refuses now what it would refuse after an epoch
        held_out = [(x.to(network.dtype), y) for x, y in test.batches() if y is not None]
        loggers = [] if training.log is None or not first else [logger(training.log, folder, begun)]
        lr = (LR_UNITS if isinstance(trainee, OverTime) else LR) if training.lr is None else training.lr
        tuned = fit(
            trainee,
            batches,
            optimizer=partial(torch.optim.Adam, lr=lr),
            held_out=held_out or None,
            patience=patience,
            folder=folder,
            about=about,
            loggers=loggers,
            quiet=self.as_json,
            **{key: settings[key] for key in ("epochs", "decay", "seed", "resume", "devices", "nodes")},
            accelerator=settings["device"],
        )
        if not first:
            return
        save(tuned, output)
        rows = read_curve(folder)
        kept = max(rows, key=lambda row: row["accuracy"]) if patience is not None else rows[-1]
        figures = {
            "file": str(output),
            "epochs": len(rows),
            "loss": kept["loss"],
            "accuracy": kept["accuracy"],
            "latency": tuned.latency,
        }
        figures = {
            key: None if isinstance(value, float) and math.isnan(value) else value for key, value in figures.items()
        }
        if training.report is not None:
            from isospike_cli.reporting import case, measure, write

            said = {**more, **{key: value for key, value in settings.items() if key not in ("report", "overwrite")}}
            measured = measure(tuned, test.batches())
            write(case(output, tuned, test, said, epochs=rows, figures=measured), training.report)
        if self.as_json:
            typer.echo(json.dumps(figures))
        else:
            title = f"trained, accuracy on {len(test):,} samples of {test.name} that were held out"
            show_figures(figures, title, "steps" if tuned.body.steps else "τ")
            err.print(
                f"wrote {output}, and {folder} with run.json, curve.csv and the last checkpoint", highlight=False
            )


def train_command(
    model: Begun,
    output: Output,
    inputs: Inputs,
    training: Training,
    hardware: Hardware,
    declared: Declared,
    patterns: Patterns,
    coding: Annotated[str, typer.Option(help="ttfs: time to first spike.")] = "ttfs",
    as_json: Json = False,
) -> None:
    """Train a network in spike times from scratch: its ReLU network's weights as initialised, mapped, and then trained
    as they are; or with --encoder a network of units, through time.

    Example: isospike train fc2 --data mnist-sample --samples 200 --epochs 1 --out fc2.safetensors
    """
    if coding != "ttfs":
        raise InvalidSetting(f"coding `{coding}` cannot be trained.", "ttfs.", "Leave --coding out.")
    train, test = inputs.open(True).first(inputs.samples), inputs.open(False).first(HELD_OUT)
    classes = int(train.labels.max()) + 1 if train.labels is not None else 0
    if patterns.encoder is not None:
        run = _Run(model, inputs, *train.divided(-(-len(train) // 10), training.seed), training, output, as_json)
        return _units(run, classes, patterns, hardware, declared)
    if patterns != Patterns():
        raise InvalidSetting(
            "--levels, --steps, --outputs, --dropout and --patience are of networks of units.",
            "With --encoder.",
            "Leave them out.",
        )
    made: Any
    if model in NETWORKS:
        made = initial(NETWORKS[model], tuple(next(iter(train)).shape[1:]), classes, training.seed)
    elif {".", ":"} & set(model):
        made = model_of(model)
    else:
        raise InvalidSetting(
            f"network `{model}` is not known.",
            f"Known: {', '.join(NETWORKS)}; an .onnx file, .pt2, or package.module:factory.",
            "Choose one.",
        )
    network = declared.conversion(made, train.first(CALIBRATION)).network(TTFS(), declared.precision)
    _spike_times(_Run(model, inputs, train, test, training, output, as_json), network, hardware)


def tune_command(
    file: File, output: Output, inputs: Inputs, training: Tuning, hardware: Hardware, as_json: Json = False
) -> None:
    """Fine-tune a spiking network for the hardware that the options describe.

    Example: isospike tune lenet.safetensors --data mnist-sample --samples 200 --epochs 1 --time-steps 16
    --weight-bits 4 --out tuned.safetensors
    """
    network = load(file)
    train, test = inputs.of(network, True).first(inputs.samples), inputs.of(network, False).first(HELD_OUT)
    _spike_times(_Run(str(file), inputs, train, test, training, output, as_json), network, hardware)


def _spike_times(run: _Run, network: SpikingNetwork, hardware: Hardware) -> None:
    wanted = constraints(hardware)
    trainee = prepare(network, wanted, sparsity=run.training.sparsity)
    run.fit(trainee, network, {"constraints": list(map(repr, wanted))})


def _units(run: _Run, classes: int, patterns: Patterns, hardware: Hardware, declared: Declared) -> None:
    """Train a network of units."""
    training = run.training
    if constraints(hardware):
        raise InvalidSetting(
            "hardware of networks of units.", "Ideal ones; bits of weights: run --weight-bits.", "Leave it out."
        )
    unread = {"--range": declared.range, "--l1": training.l1, "--spikes": training.spikes}
    unread |= {"--levels": patterns.levels} if patterns.encoder == "rate" else {}
    if given := [option for option, value in unread.items() if value is not None]:
        raise InvalidSetting(
            f"{', '.join(given)} with --encoder {patterns.encoder}: nothing depends on it.",
            "--steps, --outputs, --dropout, --patience; --levels of patterns.",
            "Leave it out.",
        )
    try:
        hidden = [int(width) for width in run.name.split(",")]
    except ValueError:
        raise InvalidSetting(
            f"`{run.name}` are no widths.", "Whole numbers: 800, or 256,256,256.", "Name the hidden layers' widths."
        ) from None
    made = patterns.fitted(run.train, training.seed)
    network = units(made, hidden, classes, outputs=patterns.outputs, steps=patterns.steps, seed=training.seed)
    network = SpikingNetwork(replace(network.body, preprocessing=run.train.preprocessing)).to(declared.precision)
    about = {"hidden": hidden} | asdict(patterns)
    run.fit(OverTime(network, dropout=patterns.dropout), network, about, patterns.patience)
