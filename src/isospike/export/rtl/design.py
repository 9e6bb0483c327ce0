r"""The integers of a network as a circuit needs them: dense layers, one after the other, of ticks.

    k_i = clip(⌊(Σ_j W_ij k_j − T_i) / R⌋, 0, L)

k: ticks by which a spike precedes the end of its layer's window, which has L; R: what a potential rises by in a tick.
The last layer has potentials alone, and the class is the largest, the first of equals.  Source: Stanojevic 2023, eq.
2.6 in whole numbers, for the circuits of app. A.3."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isospike.errors import InvalidSetting
from isospike.export.integers import Integers
from isospike.neurons import SpikePool

MOST = 1 << 16  # synapses that are written out


@dataclass(frozen=True, eq=False)
class Layer:
    """
    | field       | shape             | unit      | meaning                                       |
    |-------------|-------------------|-----------|-----------------------------------------------|
    | `weights`   | (inputs, neurons) | potential | W                                             |
    | `threshold` | (neurons,)        | potential | T                                             |
    | `gain`      | (neurons,)        | potential | R a tick; 0 of the last layer                 |
    """

    weights: np.ndarray
    threshold: np.ndarray
    gain: np.ndarray

    @property
    def inputs(self) -> int:
        """Number of them."""
        return self.weights.shape[0]

    @property
    def neurons(self) -> int:
        """Number of them."""
        return self.weights.shape[1]

    @cached_property
    def least(self) -> np.ndarray:
        """The sum of each neuron's negative weights."""
        return np.minimum(self.weights, 0).sum(0)

    @cached_property
    def most(self) -> np.ndarray:
        """The sum of each neuron's positive weights."""
        return np.maximum(self.weights, 0).sum(0)


@dataclass(frozen=True, eq=False)
class Design:
    """Layers of dense synapses, and L."""

    layers: tuple[Layer, ...]
    ticks: int

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """All layers that spike."""
        return self.layers[:-1]

    @property
    def inputs(self) -> int:
        """Number of input neurons."""
        return self.layers[0].inputs

    @property
    def classes(self) -> int:
        """Number of outputs."""
        return self.layers[-1].neurons

    def answer(self, k: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Ticks of every hidden layer, and potentials minus thresholds of every layer, each (samples, neurons).

        k: (samples, inputs)."""
        spikes, potentials = list[np.ndarray](), list[np.ndarray]()
        for layer in self.layers:
            potentials.append(k @ layer.weights - layer.threshold)
            if layer is not self.layers[-1]:
                k = np.clip(potentials[-1] // layer.gain, 0, self.ticks)
                spikes.append(k)
        return spikes, potentials

    @classmethod
    def of(cls, integers: Integers) -> "Design":
        """The layers of a network in integers.  Raises `InvalidSetting` for pools, sums of several sources, and more
        synapses than can be written out."""
        body, layers, source = integers.network.body, [], "input"
        for stage in body.stages:
            named = [group.source for group in stage.groups]
            if isinstance(stage.neuron, SpikePool) or named != [source]:
                what = "is a pool" if isinstance(stage.neuron, SpikePool) else f"hears {' and '.join(named)}"
                raise InvalidSetting(
                    f"stage `{stage.name}` {what}.",
                    "Dense layers and convolutions, each of which hears the one before it.",
                    "Convert a network without max pools and residual sums.",
                )
            own = integers.stages[stage.name]
            if (size := own.weights.shape[0] * own.weights.shape[1]) > MOST:
                raise InvalidSetting(
                    f"stage `{stage.name}` has {size:,} synapses, each of which is written out.",
                    f"At most {MOST:,} a layer, inputs times neurons; a convolution counts as a dense layer.",
                    "Convert a smaller network.",
                )
            last = stage is body.stages[-1]
            gain = np.full(len(own.threshold), 0 if last else own.gain)
            layers.append(Layer(own.weights.toarray(), own.threshold, gain))
            source = stage.name
        return cls(tuple(layers), integers.ticks)


def signed(*values: int) -> int:
    """Bits of a signed number that can be any of these."""
    return max((value if value >= 0 else ~value).bit_length() for value in map(int, values)) + 1


def unsigned(most: int) -> int:
    """Bits of a number from 0 to this."""
    return max(1, int(most).bit_length())
