"""Table of contents: imperfections of hardware as objects."""

from isospike.hardware.slope_mismatch import SlopeMismatch as SlopeMismatch
from isospike.hardware.spike_jitter import SpikeJitter as SpikeJitter
