"""sinabs: all steps at once, sample by sample behind one another."""

import recorded
import sinabs


def load(graph, samples, steps):
    """`sinabs.from_nir`."""
    model = sinabs.from_nir(graph, batch_size=samples, num_timesteps=steps)

    def run(sent):
        out = model(sent.transpose(0, 1).flatten(0, 1).contiguous())
        out = out[0] if isinstance(out, tuple) else out
        return out.unflatten(0, (samples, steps)).transpose(0, 1)

    return run, dict(model.named_children())


if __name__ == "__main__":
    recorded.main("sinabs", load)
