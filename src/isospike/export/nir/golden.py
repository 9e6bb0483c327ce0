"""Spikes that a reader must send, kept beside a graph: `net.nir` has `net.golden.npz`.

| array         | shape                                     |                                                     |
|---------------|-------------------------------------------|-----------------------------------------------------|
| `input`       | (steps or 1 if constant, samples, *shape) | what the input node receives at each step, float32  |
| `spikes/NODE` | (steps, samples, *shape)                  | of each node of neurons, counts                     |
| `readout`     | (samples, *shape)                         | mean of the output over all steps, float64          |
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from isospike import store
from isospike.encoders import RateEncoder
from isospike.errors import InvalidFile, first_line
from isospike.export.nir.graph import NIR
from isospike.simulate import Stepped

FORMAT = 1
SPIKES = "spikes/"


@dataclass(frozen=True)
class Golden:
    """`target`: the reader that the graph was written for; spikes by node, in the order of the network."""

    target: str
    steps: int
    input: np.ndarray
    spikes: dict[str, np.ndarray]
    readout: np.ndarray

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
                return cls(str(file["target"]), int(file["steps"]), file["input"], spikes, file["readout"])
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise InvalidFile(
                f"`{path}` holds no golden spikes: {first_line(error)}",
                "What `isospike export --to nir` wrote beside the graph.",
                "Export the network again.",
            ) from error


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
