"""SpikingJelly: hard reset, without and with a leak, the input decayed or not.  A soft reset its exporter refuses."""

import written
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based.nir_exchange.to_nir import export_to_nir
from torch import nn

NEURONS = {
    "if": (lambda: neuron.IFNode(v_reset=0.0), (2, 4)),
    "lif": (lambda: neuron.LIFNode(tau=1.5, v_reset=0.0), (4, 8)),
    "lif-undecayed": (lambda: neuron.LIFNode(tau=3.0, decay_input=False, v_reset=0.0), (2, 4)),
}


def run(model, x, steps):
    functional.reset_net(model)
    for _ in range(steps):
        model(x)


def write(folder):
    for name, (make, factors) in NEURONS.items():
        model, x = written.planar(nn.AvgPool2d(2), make(), make())
        graph = export_to_nir(written.excited(model, *factors), x)
        written.keep(folder, f"spikingjelly-{name}", graph, model, x, run)


if __name__ == "__main__":
    written.main(write)
