"""Networks of dense first-spike layers as PyTorch modules of the ReLU networks that they compute."""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from isospike.codings import inverse
from isospike.engine import SpikingNetwork
from isospike.ir.ops.affine import Affine
from isospike.ir.ops.dense import Dense
from isospike.network import Body, Stage, trained_maps
from isospike.neurons import FirstSpikeIF


def weights_of(model: nn.Module) -> list[Tensor]:
    """Weights of each layer of a ReLU network."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def synapses_of(body: Body) -> list[Tensor]:
    """The same in the ReLU network that a network of dense first-spike layers is equivalent to: w = J / s, and J of
    the read-out (eq. 3.4)."""
    found = []
    for stage in body.stages:
        (layer,) = trained_maps(stage)
        found.append(
            layer.weight / stage.neuron.slope.reshape(-1, 1)
            if isinstance(stage.neuron, FirstSpikeIF)
            else layer.weight
        )
    return found


def equivalent(network: SpikingNetwork, like: nn.Sequential) -> nn.Sequential:
    """The rescaled ReLU network that a network of dense first-spike layers computes (eq. 3.4): its activations are the
    leads."""
    model = copy.deepcopy(like)
    dense = [layer for layer in model if isinstance(layer, nn.Linear)]
    layers = [node.op for node in inverse(_rescaled(network)) if isinstance(node.op, Affine)]
    with torch.no_grad():
        for layer, op in zip(dense, layers, strict=True):
            assert op.bias is not None
            weights = op.groups[0][-1]  # after a flattening
            assert isinstance(weights, Dense)
            layer.weight.copy_(weights.weight)
            layer.bias.copy_(op.bias.expand_as(layer.bias))
    return model


def _rescaled(network: SpikingNetwork) -> SpikingNetwork:
    """The network whose leads stand for themselves, not for the activations that they were before rows were
    rescaled."""

    def own(stage: Stage) -> Stage:
        neuron = stage.neuron
        return (
            replace(stage, neuron=replace(neuron, unit=1 / neuron.tau)) if isinstance(neuron, FirstSpikeIF) else stage
        )

    body = network.body
    return SpikingNetwork(replace(body, stages=tuple(map(own, body.stages))))


def reordered(model: nn.Sequential, generator: torch.Generator) -> nn.Sequential:
    """The same function with the neurons of every hidden dense layer in another order: it differs by rounding
    alone."""
    model = copy.deepcopy(model)
    order: Tensor | None = None
    dense = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer in dense:
            if order is not None:
                layer.weight.copy_(layer.weight[:, order].clone())
            if layer is not dense[-1]:
                order = torch.randperm(layer.out_features, generator=generator)
                layer.weight.copy_(layer.weight[order].clone())
                layer.bias.copy_(layer.bias[order].clone())
    return model
