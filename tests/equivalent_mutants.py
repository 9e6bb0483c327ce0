"""Mutants that no test can catch, by their keys, and why: what they change is the same thing written differently, or
only costs time."""

EQUIVALENT: dict[str, str] = {
    "codings/normalise/percentile.py Percentile.ranges.count: place = (values / largest[name].clamp_min(⟦1e-300 "
    "→ 2e-300⟧)[:, None] * BINS)"
    ".ceil().long().clamp(0, BINS)": "any number far below activations keeps 0 from being divided by 0",
    "kernels/causal.py solve: ⟦waiting -= 1 → pass⟧": "it only ends the loop sooner: a neuron that has fired is not "
    "looked at again",
    "neurons/double_exponential.py : HALVINGS = ⟦60 → 61⟧  # of an interval in double precision": "after 53 halvings it is no wider than rounding",
    "ir/ops/affine.py _slice_scatter: kept = 1.0 - place(torch.ones(⟦1 → 2⟧, *written, dtype=torch.float64))[0]": "of a batch of ones only the first is used",
    "ir/ops/conv.py Conv.matrix: return csr_array((values.reshape(-1), targets.reshape(-⟦1 → 2⟧), starts), "
    "shape=(math.prod(in_shape), out * math.prod("
    "reach)))": "NumPy takes any negative size for the one that is left",
}
