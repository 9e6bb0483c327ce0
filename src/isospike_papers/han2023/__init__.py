"""Han et al. 2023.

stReLU, a clip at ±θ, is trained with and becomes a neuron that sends positive and negative spikes. What differs from
the paper: networks are trained for fewer than its 300 to 400 epochs, Net5 and Net6 are narrower, and curves are over
the first test images; the numbers stand below each table. `--size full` asks for its widths and 300 epochs,
`--samples` for more images.

Three rules for the neuron are shown side by side. The paper's text says V(0) = 0 and spikes at ±θ; its eq. 11 assumes
a residue in ±θ/2, which that rule does not give: counts are truncated, not rounded. Firing at θ/2 gives eq. 15
exactly, and it comes closest to what the paper says of its Fig. 5, a low error at the first step (Net3 and Net4 less
so than Net1 and Net2 here). The third, starting at θ/2, is the remedy for neurons with one threshold and none here.
Eq. 10 also leaves out T·b, the bias current."""
