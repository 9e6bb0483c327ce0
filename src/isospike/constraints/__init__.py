"""Table of contents: imperfections of hardware as objects, and a network as it is on such hardware."""

from isospike.constraints.base import Noise as Noise
from isospike.constraints.base import constrain as constrain
from isospike.constraints.base import constrained as constrained
from isospike.constraints.base import place as place
from isospike.constraints.base import reseeded as reseeded
from isospike.constraints.base import several as several
from isospike.constraints.double_exponential import DoubleExponential as DoubleExponential
from isospike.constraints.latency import Latency as Latency
from isospike.constraints.named import HARDWARE as HARDWARE
from isospike.constraints.slope_mismatch import SlopeMismatch as SlopeMismatch
from isospike.constraints.spike_jitter import SpikeJitter as SpikeJitter
from isospike.constraints.time_steps import TimeSteps as TimeSteps
from isospike.constraints.weight_bits import WeightBits as WeightBits
from isospike.constraints.weight_noise import WeightNoise as WeightNoise
from isospike.network import Constraint as Constraint
