"""What exports in integers share: synapses in whole units, and neurons that fire step by step in them."""

from isospike.export.whole.neurons import WholeNeuron as WholeNeuron
from isospike.export.whole.neurons import supported as supported
from isospike.export.whole.neurons import whole_neuron as whole_neuron
from isospike.export.whole.synapses import agreed as agreed
from isospike.export.whole.synapses import exact as exact
from isospike.export.whole.synapses import flat as flat
from isospike.export.whole.synapses import multiplied as multiplied
from isospike.export.whole.synapses import whole_weights as whole_weights
