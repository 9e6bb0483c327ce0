"""Table of contents: trainable activations that have an exact counterpart in spikes; modules to build a network from
before it is converted."""

from isospike.activations.at_leaky_relu import AtLeakyReLU as AtLeakyReLU
from isospike.activations.clamp_quantise import ClampQuantise as ClampQuantise
from isospike.activations.qcfs import QCFS as QCFS
from isospike.activations.rate_norm import RateNorm as RateNorm
from isospike.activations.staircase import staircase as staircase
from isospike.activations.strelu import StReLU as StReLU
from isospike.activations.trelu import TReLU as TReLU
