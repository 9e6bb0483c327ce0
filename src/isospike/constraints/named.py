"""Constraints by the names that the command line and studies have for them."""

from isospike.constraints.latency import Latency
from isospike.constraints.slope_mismatch import SlopeMismatch
from isospike.constraints.spike_jitter import SpikeJitter
from isospike.constraints.time_steps import TimeSteps
from isospike.constraints.weight_bits import WeightBits
from isospike.constraints.weight_noise import WeightNoise
from isospike.network import Constraint

# The order is that in which constraints act.
HARDWARE: dict[str, tuple[type[Constraint], str]] = {
    "weight_bits": (WeightBits, "weights are integers of so many bits"),
    "weight_noise": (WeightNoise, "standard deviation of weights, of the largest of a layer"),
    "mismatch": (SlopeMismatch, "standard deviation of the ramps' slopes"),
    "latency": (Latency, "windows hold this share of the activations: 0.95"),
    "time_steps": (TimeSteps, "spikes fall on so many ticks a layer"),
    "jitter": (SpikeJitter, "standard deviation of spike times [time]"),
}
