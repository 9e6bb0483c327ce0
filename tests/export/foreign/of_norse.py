"""Norse: integrate-and-fire cells, and leaky ones; its exporter has no pools and no flattening."""

import norse.torch as norse
import torch
import written
from norse.torch.utils.export_nir import to_nir


def full(size):
    """The parameters that NIR keeps, as large as the layer: nir.write fails at single tensors."""
    return {"v_th": torch.ones(size), "v_reset": torch.zeros(size)}


def leaky(size):
    """τ = 1/300 s."""
    more = {"v_leak": torch.zeros(size), "tau_mem_inv": torch.full((size,), 300.0)}
    return norse.LIFBoxCell(norse.LIFBoxParameters(**full(size), **more))


NEURONS = {"if": (lambda size: norse.IAFCell(norse.IAFParameters(**full(size))), (2, 4)), "lif": (leaky, (5, 10))}


def run(model, x, steps):
    state = None
    for _ in range(steps):
        _, state = model(x, state)


def write(folder):
    for name, (make, factors) in NEURONS.items():
        layers, x = written.flat(make(20), make(5))
        model = norse.SequentialState(*written.excited(layers, *factors))
        written.keep(folder, f"norse-{name}", to_nir(model, x[0]), model, x, run)


if __name__ == "__main__":
    written.main(write)
