"""Spikes that a reader must send, kept beside a graph: `net.nir` has `net.golden.npz`.

| array         | shape                                     |                                                     |
|---------------|-------------------------------------------|-----------------------------------------------------|
| `input`       | (steps or 1 if constant, samples, *shape) | what the input node receives at each step, float32  |
| `spikes/NODE` | (steps, samples, *shape)                  | of each node of neurons, counts                     |
| `readout`     | (samples, *shape)                         | mean of the output over all steps, float64          |

Those of a graph of isospike's extension have

| array         | shape                    |                                                                          |
|---------------|--------------------------|--------------------------------------------------------------------------|
| `input`       | (samples, *shape)        | samples, in the network's precision                                      |
| `times/NODE`  | (samples, *shape)        | first spikes from the beginning of the window [time]; infinite if silent |
| `spikes/NODE` | (steps, samples, *shape) | in place of times, of networks that fire step by step                    |
| `readout`     | (samples, *shape)        | the network's output                                                     |
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from isospike import store
from isospike.encoders import RateEncoder
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidFile, InvalidSetting, first_line
from isospike.export.nir.extension import ExtendedNIR
from isospike.export.nir.graph import NIR
from isospike.export.nir.targets import EXTENDED
from isospike.simulate import EventDriven, Simulator, Stepped, simulate, usual

FORMAT = 1
SPIKES, TIMES = "spikes/", "times/"


@dataclass(frozen=True)
class Golden:
    """`target`: the reader that the graph was written for; spikes and times by node, in the order of the network."""

    target: str
    steps: int
    input: np.ndarray
    spikes: dict[str, np.ndarray]
    readout: np.ndarray
    times: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, made: NIR, x: Tensor) -> "Golden":
        """The spikes of a few samples.  x: (batch, *input shape); constant inputs are rounded to the grid."""
        body = made.network.body
        encoder = body.encoder
        assert isinstance(encoder, RateEncoder)
        x = _on_grid(encoder, x.double(), made.step)
        trace = Stepped().trace(made.network, x)
        drive = encoder.drive(x)
        sent = encoder.train(drive, 0, body.steps, torch.Generator().manual_seed(0))
        spikes = {made.nodes[stage.name]: trace.trains[stage.name].numpy() for stage in body.stages[:-1]}
        return cls(made.target, body.steps, sent.float().numpy(), spikes, trace.readout.numpy())

    @classmethod
    def timed(cls, made: ExtendedNIR, x: Tensor) -> "Golden":
        """Those of a graph of the extension.  x: (batch, *input shape)."""
        return cls(EXTENDED, made.network.body.steps, *spikes_of(made.network, x, made.nodes))

    def write(self, path: Path) -> None:
        """Keep them as a compressed .npz; the file appears whole or not at all."""
        content = io.BytesIO()
        about: dict[str, Any] = {
            "format": np.array(FORMAT),
            "target": np.array(self.target),
            "steps": np.array(self.steps),
        }
        arrays: dict[str, Any] = {"input": self.input, "readout": self.readout, "nodes": np.array(list(self.spikes))}
        trains: dict[str, Any] = {SPIKES + name: train for name, train in self.spikes.items()}
        trains |= {TIMES + name: times for name, times in self.times.items()}
        np.savez_compressed(content, **about, **arrays, **trains)
        store.write(path, content.getvalue())

    @classmethod
    def read(cls, path: Path) -> "Golden":
        """Those of a file that `write` made.  Raises `InvalidFile`."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                if int(file["format"]) != FORMAT:
                    raise ValueError(f"format {int(file['format'])}")
                spikes = {str(name): file[SPIKES + str(name)] for name in file["nodes"]}
                times = {name.removeprefix(TIMES): file[name] for name in file.files if name.startswith(TIMES)}
                return cls(str(file["target"]), int(file["steps"]), file["input"], spikes, file["readout"], times)
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise InvalidFile(
                f"`{path}` holds no golden spikes: {first_line(error)}",
                "What `isospike export --to nir` wrote beside the graph.",
                "Export the network again.",
            ) from error


def spikes_of(network: SpikingNetwork, x: Tensor, nodes: Mapping[str, str]) -> tuple[Any, ...]:
    """Inputs, spikes by node, read-outs and times by node of a network.  nodes: by stage."""
    x = network.own(x)
    trace = simulate(network, x, running(network))
    spikes, times = {}, {}
    for stage in network.stages[:-1]:
        if trace.trains:
            spikes[nodes[stage.name]] = trace.trains[stage.name].numpy()
        else:
            times[nodes[stage.name]] = trace.times(stage.name).numpy()
    return x.numpy(), spikes, trace.readout.numpy(), times


def running(network: SpikingNetwork) -> Simulator:
    """The simulator that tells a network's spikes, the fast one where it answers rightly."""
    run = Stepped() if network.body.steps else usual(network)
    try:
        run.check(network)
    except InvalidSetting:
        return EventDriven()
    return run


def beside(path: Path) -> Path:
    """Where a graph's golden spikes lie."""
    return path.with_suffix(".golden.npz")


def _on_grid(encoder: RateEncoder, x: Tensor, step: float) -> Tensor:
    """Inputs whose share of their range is a whole multiple of the grid's step."""
    if not encoder.constant:
        return x
    low, high = encoder.low.double(), encoder.high.double()
    share = ((x - low) / torch.where(high > low, high - low, torch.ones_like(low))).clamp(0, 1)
    return low + (share / step).round() * step * (high - low)
