"""Table of contents: imperfections of hardware as objects, and a network as it is on such hardware."""

from isospike.hardware.base import Noise as Noise
from isospike.hardware.base import constrain as constrain
from isospike.hardware.base import constrained as constrained
from isospike.hardware.base import place as place
from isospike.hardware.base import reseeded as reseeded
from isospike.hardware.base import reweighted as reweighted
from isospike.hardware.base import several as several
from isospike.hardware.base import trained_maps as trained_maps
from isospike.hardware.double_exponential import DoubleExponential as DoubleExponential
from isospike.hardware.latency import Latency as Latency
from isospike.hardware.slope_mismatch import SlopeMismatch as SlopeMismatch
from isospike.hardware.spike_jitter import SpikeJitter as SpikeJitter
from isospike.hardware.time_steps import TimeSteps as TimeSteps
from isospike.hardware.weight_bits import WeightBits as WeightBits
from isospike.hardware.weight_noise import WeightNoise as WeightNoise
from isospike.network import Constraint as Constraint
