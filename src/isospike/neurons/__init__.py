"""Table of contents: the neuron models."""

from isospike.neurons.accumulator import Accumulator as Accumulator
from isospike.neurons.burst import BurstIF as BurstIF
from isospike.neurons.causal import CausalIF as CausalIF
from isospike.neurons.count_pool import CountPool as CountPool
from isospike.neurons.count_pool import WindowPool as WindowPool
from isospike.neurons.double_exponential import DoubleExponentialIF as DoubleExponentialIF
from isospike.neurons.double_exponential import DoubleExponentialIntegrator as DoubleExponentialIntegrator
from isospike.neurons.first_spike import FirstSpikeIF as FirstSpikeIF
from isospike.neurons.integrate_fire import IF as IF
from isospike.neurons.integrator import Integrator as Integrator
from isospike.neurons.leaky import LIF as LIF
from isospike.neurons.signed import SignedIF as SignedIF
from isospike.neurons.spike_pool import SpikePool as SpikePool
from isospike.neurons.stepping import Stepping as Stepping
from isospike.neurons.ternary import TernaryIF as TernaryIF
