"""The inverse map: from a network of dense first-spike layers to the ReLU network that it computes."""

import copy

import torch
from torch import Tensor, nn

from isospike.network import Body, trained_maps
from isospike.neurons import FirstSpikeIF, Integrator


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


def equivalent(body: Body, like: nn.Sequential) -> nn.Sequential:
    """The ReLU network that a network of dense first-spike layers computes: b = B / τ − θ / s besides (eq. 3.4, the
    ramp beginning at t_min)."""
    model = copy.deepcopy(like)
    dense = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, weight, stage in zip(dense, synapses_of(body), body.stages, strict=True):
            layer.weight.copy_(weight)
            neuron = stage.neuron
            if isinstance(neuron, FirstSpikeIF):
                layer.bias.copy_((neuron.window / neuron.tau - neuron.threshold / neuron.slope).expand_as(layer.bias))
            elif isinstance(neuron, Integrator):
                layer.bias.copy_((neuron.ramp * neuron.onset / neuron.tau).expand_as(layer.bias))
    return model


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
