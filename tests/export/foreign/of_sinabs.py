"""sinabs: one spike a step, with and without a leak; as many as V pays for, which is its default.  It sums in pools."""

import sinabs
import sinabs.activation as act
import sinabs.layers as sl
import torch
import written
from sinabs.nir import to_nir

ONE = {"batch_size": written.SAMPLES, "spike_fn": act.SingleSpike}
NEURONS = {
    "if": (lambda _: sl.IAFSqueeze(**ONE), (1.5, 2)),
    "if-zero": (lambda _: sl.IAFSqueeze(reset_fn=act.MembraneReset(), **ONE), (1.5, 2)),
    "lif": (
        lambda shape: sl.LIFSqueeze(tau_mem=torch.full(shape, 4.0), spike_threshold=torch.ones(shape), **ONE),
        (5, 5),
    ),
    "default": (lambda _: sl.IAFSqueeze(batch_size=written.SAMPLES), (1.5, 2)),
}


def run(model, x, steps):
    sinabs.reset_states(model)
    model(x.repeat_interleave(steps, 0))


def write(folder):
    for name, (make, factors) in NEURONS.items():
        model, x = written.planar(sl.SumPool2d(2), make((3, 6, 6)), make((5,)))
        written.excited(model, *factors)
        graph = to_nir(model, x)
        graph.infer_types()  # else nir.write fails at the flattening, which has no sizes
        written.keep(folder, f"sinabs-{name}", graph, model, x, run)


if __name__ == "__main__":
    written.main(write)
