"""Draws how a network of units answers a sample: the patterns of input, hidden and output neurons, and the target."""

from typing import TYPE_CHECKING

from torch import Tensor

from isospike import plot, simulate
from isospike.encoders import PatternEncoder
from isospike.engine import SpikingNetwork
from isospike.neurons import NearestPattern

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase


def answer(figure: "FigureBase", network: SpikingNetwork, x: Tensor, label: int) -> None:
    """One panel a layer, the target of its class beneath what the output says.  x: (1, *shape)."""
    encoder, read, steps = network.body.encoder, network.stages[-1].neuron, network.body.steps
    assert isinstance(encoder, PatternEncoder) and isinstance(read, NearestPattern)
    trace = simulate(network, x)
    hidden = [(stage.name, trace.trains[stage.name][:, 0].flatten(1)) for stage in network.stages[:-1]]
    output = trace.trains[network.stages[-1].name][:, 0]
    layers = [("input", encoder(x)[:, 0].flatten(1)), *hidden]
    tall = [3.0] * len(layers) + [1.6, 1.6]  # output and target are lower
    panels = figure.subplots(len(tall), 1, sharex=True, gridspec_kw={"height_ratios": tall, "hspace": 0.12})
    layers += [("output", output), ("target", read.targets[label].float())]
    for ax, (name, pattern) in zip(panels, layers, strict=True):
        plot.pattern(pattern, name, ax)
        ax.set_xlabel("")
        ax.set_ylabel(f"{name}:\n{pattern.shape[1]:,}\nneurons", rotation=0, ha="right", va="center", fontsize=7.5)
    panels[-1].set_xlabel("time step")
    panels[-1].set_xlim(-1, steps)
    said = f"a sample of class {label}, whose answer is nearest to the target of {int(trace.readout.argmax())}"
    panels[0].set_title(said, fontsize=9)
