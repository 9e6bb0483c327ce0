"""Table of contents: the neuron models."""

from isospike.neurons.first_spike import FirstSpikeIF as FirstSpikeIF
from isospike.neurons.integrator import Integrator as Integrator
from isospike.neurons.spike_pool import SpikePool as SpikePool
