r"""The inverse map: from a network of first spikes, trained or not, to the ReLU network that computes the same.

    w = J / s,     b = −D / s

s is a neuron's slope after t_min, D what its threshold has beyond that of a neuron without a bias.  Where the mapping
had rescaled activations, w and b are those of the activations that the leads stand for: w_ij u_i / u_j and u_i τ_c b,
u being a neuron's `unit`.  The read-out has w = J, b = α ρ / τ_c.  Source: Stanojevic 2023, eqs. 2.20–2.23, 2.29 and
3.4, with a ramp that begins anywhere."""

import math

import torch
from torch import Tensor

from isospike.encoders.latency import LatencyEncoder
from isospike.engine import SpikingNetwork, spiking
from isospike.errors import InvalidSetting
from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine, Chain, Population
from isospike.ir.ops.base import Op, Shape
from isospike.ir.ops.input import UnitInput
from isospike.ir.ops.scale import Scale
from isospike.network import Body, Stage
from isospike.neurons import FirstSpikeIF, Integrator, SpikePool
from isospike.passes.fold_scales import fold

ROUNDING = 64  # rounding steps of the network's precision, by which caps that are meant to be equal may differ
CLOCK = "input:ticks"


def inverse(network: SpikingNetwork) -> Graph:
    """The ReLU network that a network of first spikes computes as long as its neurons fire within their windows.

    Dense, convolutional and pooling layers and residual sums are given back, as canonical layers in float64 on the
    CPU; a graph is called with a batch, and `convert` takes it for a model.  Windows that clip become rectifiers with
    a cap, clocks become staircases.  Raises `InvalidModel`, and `InvalidSetting` for a network that no rectified
    network equals."""
    spiking(network, "inverse")
    if network.perturb is not None:
        raise _none("it is on hardware that disturbs its spikes", "Take the network without that hardware.")
    body = network.body.map_tensors(lambda _, t: t.detach().cpu().double())
    rounding = ROUNDING * torch.finfo(network.dtype).eps
    return Graph(_nodes(body, rounding), body.stages[-1].name, body.notes, body.macs)


def _nodes(body: Body, rounding: float) -> tuple[Node, ...]:
    encoder = body.encoder
    if not isinstance(encoder, LatencyEncoder):
        raise _none(f"its inputs are encoded by {type(encoder).__name__}", "Convert the model with TTFS().")
    nodes = [Node("input", UnitInput(encoder.low, encoder.high), (), encoder.shape, "input")]
    units = {"input": _aligned(1 / encoder.window, encoder.shape)}
    names = {"input": "input"}
    if encoder.ticks:
        rounded = Population(((),), None, 0.0, 1.0, levels=encoder.ticks, offset=0.5)
        nodes.append(Node(CLOCK, rounded, ("input",), encoder.shape, "input"))
        names["input"] = CLOCK
    for stage in body.stages:
        op, units[stage.name] = _layer(stage, body.shapes, units, rounding)
        inputs = tuple(names.get(group.source, group.source) for group in stage.groups)
        nodes.append(Node(stage.name, op, inputs, stage.shape, stage.name))
    return tuple(nodes)


def _layer(stage: Stage, shapes: dict[str, Shape], units: dict[str, Tensor], rounding: float) -> tuple[Op, Tensor]:
    """A stage's layer, and the activation that a lead of 1 stands for."""
    match stage.neuron:
        case FirstSpikeIF() as neuron:
            if not bool((neuron.slope > 0).all()):
                raise _none(
                    f"neurons of stage `{stage.name}` have a slope that is not positive, so that they fire at once or "
                    "never",
                    "Train with mappable=True, which holds the slopes.",
                )
            unit = _aligned(neuron.unit, stage.shape)
            factor = unit / neuron.slope
            bias = -factor * neuron.tau * neuron.shift
            high = _cap(stage, neuron, rounding)
            return Population(_groups(stage, shapes, units, factor), bias, 0.0, high, levels=neuron.ticks), unit
        case SpikePool() as neuron:
            return neuron.pool, _aligned(neuron.unit, stage.shape)
        case Integrator() as neuron:
            one = _aligned(1 / neuron.tau, stage.shape)
            bias = _aligned(neuron.ramp, stage.shape) * neuron.onset / neuron.tau
            return Affine(_groups(stage, shapes, units, one), bias), one
        case other:
            raise _none(f"stage `{stage.name}` has neurons of type {type(other).__name__}", "Convert with TTFS().")


def _groups(stage: Stage, shapes: dict[str, Shape], units: dict[str, Tensor], factor: Tensor) -> tuple[Chain, ...]:
    """The weights as they are on activations, for synapses that see leads."""
    return tuple(
        fold((Scale(1 / units[group.source]), *group.chain, Scale(factor)), shapes[group.source])
        for group in stage.groups
    )


def _cap(stage: Stage, neuron: FirstSpikeIF, rounding: float) -> float:
    """The largest activation of a stage, in its own units."""
    if not (neuron.clipped or bool(neuron.gate.any())):
        return math.inf
    gate = neuron.gate.clamp_min(0.0) if neuron.clipped else neuron.gate  # a shorter window clips before the gate
    caps = neuron.unit * (neuron.window - gate)
    high = float(caps.max())
    if high - float(caps.min()) > rounding * high or (neuron.ticks and bool((gate > rounding * neuron.window).any())):
        raise _none(
            f"neurons of stage `{stage.name}` are held at different activations, from {float(caps.min()):.4g} to "
            f"{high:.4g}",
            "Convert with scale='layer', or with a margin that no activation exceeds.",
        )
    return high


def _aligned(t: Tensor, shape: Shape) -> Tensor:
    """A number, or one for each neuron, with as many dimensions as a sample."""
    return t.reshape((1,) * (len(shape) - t.ndim) + tuple(t.shape))


def _none(why: str, remedy: str) -> InvalidSetting:
    return InvalidSetting(
        f"inverse: no ReLU network equals this one: {why}.",
        "Networks made by TTFS(), trained or not, on hardware that changes their parameters only.",
        remedy,
    )
