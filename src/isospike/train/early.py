r"""Single-spike networks that answer before all of their inputs have arrived, trained in spike times.

Hidden neurons are watched until t_obs, the median of their spike times over the batch, so that each fires for half of
it; a running mean of it is kept for inference.  The first output neuron to fire names the class.  With t of the output
neurons, w of every layer:

    L = −Σ_m y_m log softmax(−β t)_m + κ Σ_i max(0, −Σ_j w_ij) + λ Σ_ij w_ij²

A silent output neuron, t = +∞, has probability 0; samples in which there is one are left out of the first term.
Source: Stanojevic 2023, eqs. A.1–A.9.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.encoders import EveryInputEncoder
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.ir.ops.dense import Dense
from isospike.ir.ops.route import Reshape
from isospike.ir.typed import typed
from isospike.network import Body, Group, Stage
from isospike.neurons import CausalIF
from isospike.neurons.causal import causal_times, on_clock
from isospike.train.base import Trainee


@dataclass(frozen=True)
class Early:
    """Constants of network and loss.  The source has no numbers for window, κ, λ, dropout and momentum.

    | field       | meaning                                                                                    |
    |-------------|--------------------------------------------------------------------------------------------|
    | `period`    | T, over which inputs arrive [time]                                                         |
    | `lag`       | ε [time]                                                                                   |
    | `window`    | how long each layer's clock runs [time]; a neuron that would fire later is silent          |
    | `ramp`      | α [1/time]                                                                                 |
    | `threshold` | θ                                                                                          |
    | `sharpness` | β [1/time]                                                                                 |
    | `silence`   | κ                                                                                          |
    | `decay`     | λ                                                                                          |
    | `dropout`   | share of hidden spikes that are lost in training                                           |
    | `momentum`  | weight of a batch in the running mean of observation times                                 |
    | `clip`      | the largest derivative of the loss by a weight; larger ones are cut to it                  |
    """

    period: float = 1.0
    lag: float = 1e-4
    window: float = 8.0
    ramp: float = 1.0
    threshold: float = 1.0
    sharpness: float = 1000.0
    silence: float = 1.0
    decay: float = 1e-4
    dropout: float = 0.2
    momentum: float = 0.05
    clip: float = 1000.0

    def __post_init__(self) -> None:
        typed(self)


class EarlyAnswers(Trainee[SpikingNetwork]):
    """Dense layers of `CausalIF` under training.

    shape: of one input; widths: neurons of each layer, the last being the classes; high: the largest input, the
    smallest is 0."""

    def __init__(
        self,
        shape: Sequence[int],
        widths: Sequence[int],
        high: float = 1.0,
        settings: Early | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.shape, self.settings, self.high = tuple(shape), settings or Early(), high
        if not widths or min(widths) < 1:
            raise InvalidSetting(
                f"layers of {tuple(widths)} neurons.",
                "One layer or more, of one neuron or more each.",
                "Name the classes last: (800, 10).",
            )
        if not self.settings.period + self.settings.lag < self.settings.window:
            raise InvalidSetting(
                f"a window of {self.settings.window:g} ends before the last input.",
                "More than T + ε.",
                "Choose a longer window.",
            )
        self.generator = torch.Generator().manual_seed(seed)
        sizes = (math.prod(self.shape), *widths)
        bounds = [1 / math.sqrt(8 * inputs) for inputs in sizes[:-1]]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(neurons, inputs).uniform_(-bound, bound, generator=self.generator))
            for inputs, neurons, bound in zip(sizes[:-1], widths, bounds, strict=True)
        )
        for weight in self.weights:
            weight.register_hook(lambda gradient: gradient.clamp(-self.settings.clip, self.settings.clip))
        for layer, neurons in enumerate(widths):  # infinite until a batch has been seen, in the output layer for ever
            self.register_buffer(f"observed_{layer}", torch.full((neurons,), torch.inf))

    def forward(self, x: Tensor) -> Tensor:
        """Minus the spike times of the output neurons, −∞ where silent: (batch, classes)."""
        return -self.times(x)[-1]

    def times(self, x: Tensor) -> list[Tensor]:
        """Spike times of every layer on its own clock, the inputs' first; +∞ where silent.  x: (batch, *shape)."""
        settings, last = self.settings, len(self.weights) - 1
        encoder = self._encoder()
        times = [encoder.window - encoder.encode(x).flatten(1)]
        dropped = 0.0
        for layer, weight in enumerate(self.weights):
            full = weight.new_ones(len(weight))
            arrivals = on_clock(times[-1], weight.new_tensor(settings.lag))
            # Weights grow by the share of spikes that dropout took, so that the mean input stays.
            fired = causal_times(arrivals, weight / (1 - dropped), settings.ramp * full, settings.threshold * full)
            dropped = settings.dropout if self.training and layer < last else 0.0
            limit = self._limit(layer, fired).clamp_max(settings.window)
            lost = torch.rand(fired.shape, generator=self.generator).to(fired) < dropped
            times.append(torch.where((fired <= limit) & ~lost, fired, torch.inf))
        return times

    def _limit(self, layer: int, fired: Tensor) -> Tensor:
        """Observation times: of this batch in training, else the running mean."""
        known = self.get_buffer(f"observed_{layer}")
        if not self.training or layer == len(self.weights) - 1:
            return known
        median = fired.detach().median(0).values
        mean = torch.where(torch.isfinite(known), known.lerp(median, self.settings.momentum), median)
        # Where more than half are silent there is nothing to learn
        known.copy_(torch.where(torch.isfinite(median), mean, known))
        return median

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Eqs. A.7, A.8 and A.9, the first as a mean over the samples to which every output neuron answers."""
        scores = self(x)
        heard = torch.isfinite(scores).all(1)
        errors = F.cross_entropy(
            self.settings.sharpness * scores[heard], y[heard], reduction="sum"
        ) / heard.sum().clamp_min(1)
        silent = torch.stack([F.relu(-weight.sum(1)).sum() for weight in self.weights]).sum()
        size = torch.stack([weight.square().sum() for weight in self.weights]).sum()
        return errors + self.settings.silence * silent + self.settings.decay * size

    def about(self) -> dict[str, Any]:
        return {"settings": repr(self.settings), "high": self.high}

    def generators(self) -> list[torch.Generator]:
        return [self.generator]

    def _encoder(self) -> EveryInputEncoder:
        like, settings = self.weights[0].detach(), self.settings
        low, high, *times = (
            like.new_tensor(v) for v in (0.0, self.high, settings.period, settings.lag, settings.window)
        )
        return EveryInputEncoder(self.shape, low, high, False, *times)

    def result(self) -> SpikingNetwork:
        """For the event-driven simulator; its read-out is each class's lead: the largest is that of the first
        spike."""
        encoder, settings = self._encoder(), self.settings
        window, stages, source = encoder.window, [], "input"
        flatten = Reshape((math.prod(self.shape),))
        for layer, weight in enumerate(self.weights):
            observed = self.get_buffer(f"observed_{layer}")
            neuron = CausalIF(
                window.new_tensor(settings.ramp), window.new_tensor(settings.threshold), observed, encoder.lag, window
            )
            # Each layer has its own clock
            group = Group(source, (Dense(weight.detach()),) if layer else (flatten, Dense(weight.detach())), -window)
            source = f"layer {layer + 1}"
            stages.append(Stage(source, (len(weight),), (group,), neuron, torch.zeros_like(window), window))
        return SpikingNetwork(
            Body(encoder, tuple(stages), f"EarlyAnswers({settings})", macs=sum(w.numel() for w in self.weights))
        )


def on_one_clock(times: Sequence[Tensor], lag: float) -> list[Tensor]:
    """Spike times of all layers on the inputs' clock, from those on their own; what precedes the first output spike
    was seen by then."""
    began, moved = torch.zeros_like(times[0][:, :1]), [times[0]]
    for before, own in pairwise(times):
        began = began + before.amin(1, keepdim=True) - lag
        moved.append(own + began)
    return moved
