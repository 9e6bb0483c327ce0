"""Han et al. 2023.

stReLU, a clip at ±θ, is trained with and becomes a neuron that sends positive and negative spikes. What differs from
the paper: Net1 to Net4 have its width and are trained for 3 or 4 epochs; Net5 and Net6 have 1/16 and 1/8 of its width
and are trained for 2 and 3 epochs on 45,000 images; curves are over the first 1,000 test images, for CIFAR-10 the
first 200. `--size full` asks for its widths and 300 epochs, `--samples` for more images.

Three rules for the neuron are shown side by side. The paper's text says V(0) = 0 and spikes at ±θ; its eq. 11 assumes
a residue in ±θ/2, which that rule does not give: counts are truncated, not rounded. Firing at θ/2 gives eq. 15
exactly, and it comes closest to what the paper says of its Fig. 5, a low error at the first step (Net3 and Net4 less
so than Net1 and Net2 here). The third, starting at θ/2, is the remedy for neurons with one threshold and none here.
Eq. 10 also leaves out T·b, the bias current."""
