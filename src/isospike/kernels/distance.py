"""Distances of filtered trains from those of every class, over steps and outputs (neurons/nearest_pattern.py)."""

from numba import njit


@njit(cache=True, nogil=True)
def distances(outputs, targets, decay, square, trace, found):
    """Go on with the filtered trains, and add to the distances what these steps are apart.

    outputs: (steps, batch, outputs); targets: filtered, (steps, classes, outputs).  trace: (batch, outputs), found:
    (batch, classes): both are gone on with.
    """
    steps, batch, width = outputs.shape
    for b in range(batch):
        for t in range(steps):
            for o in range(width):
                trace[b, o] = trace[b, o] * decay + outputs[t, b, o]
            for c in range(targets.shape[1]):
                total = found[b, c]
                for o in range(width):
                    apart = trace[b, o] - targets[t, c, o]
                    total += apart * apart if square else abs(apart)
                found[b, c] = total
