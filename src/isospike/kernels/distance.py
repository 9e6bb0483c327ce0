"""Distances of filtered trains from those of every class, over steps and outputs (neurons/nearest_pattern.py)."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def distances(outputs, targets, leak, square, cell, trace, found):
    """Go on with the filtered trains, and add to the distances what these steps are apart.

    leak: what a step leaves of x is leak[0] x − ⌊leak[1] x⌋ − ⌊leak[2] x⌋; square: whether what they are apart is
    squared; cell: how wide a cell of the table of squares is, 0 where there is none.  outputs: (steps, batch,
    outputs); targets: filtered, (steps, classes, outputs).  trace: (batch, outputs), found: (batch, classes): both are
    gone on with.
    """
    steps, batch, width = outputs.shape
    for b in range(batch):
        for t in range(steps):
            for o in range(width):
                x = trace[b, o]
                trace[b, o] = leak[0] * x - np.floor(leak[1] * x) - np.floor(leak[2] * x) + outputs[t, b, o]
            for c in range(targets.shape[1]):
                total = found[b, c]
                for o in range(width):
                    apart = abs(trace[b, o] - targets[t, c, o])
                    if cell:
                        apart = 2 * np.floor(apart / cell) + 1
                    total += apart * apart if square else apart
                found[b, c] = total
