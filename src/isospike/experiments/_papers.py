"""What the page says of each paper before its results."""

PAPERS = {
    "stanojevic2023": (
        "Stanojevic 2023",
        """Exact mappings of ReLU networks to networks that answer by the time of first spikes (A. Stanojevic, thesis, ch. 2), their training and
fine-tuning (ch. 3), and single-spike networks that answer early (app. A.1). Networks are narrower than the thesis', trained on fewer
images, for fewer epochs and from fewer seeds; `--full` has its configurations.
CIFAR-10 takes the place of CIFAR-100 and Places365, whose rows stand empty where the data are missing.""",
    ),
    "lu2022": (
        "Lu & Xu 2022",
        """The linear leaky integrate-and-fire neuron as a rectifier (S. Lu, F. Xu, 2022). Weights are carried over as they are, V_th = 1, with a
coding range of k spikes a second for the largest input, in steps of 0.01 s. What holds: without leak the neuron is a rectifier to within
one spike, its slope is 1 / (V_th C), the linear reset errs less than the reset to zero as long as rates do not saturate, and spike counts
of whole networks become their ReLU networks' activations. What holds with a correction: the bias that a membrane conductance stands for.
The printed formula has the wrong sign, and gives where the neuron begins to fire; the line that it follows well above that has the bias
−g V_th / 2. What differs: how soon deep networks agree, which depends on how large a trained network's activations are, and that
agreement rises with the conductance, which we see only where rates saturate.""",
    ),
    "han2023": (
        "Han et al. 2023",
        """stReLU, a clip at ±θ, is trained with and becomes a neuron that sends positive and negative spikes. What differs from the paper: Net1 to
Net4 have its width and are trained for 3 or 4 epochs; Net5 and Net6 have 1/16 and 1/8 of its width and are trained for 2 and 3 epochs on
45,000 images; curves are over the first 1,000 test images, for CIFAR-10 the first 200. `--full` asks for its widths and 300 epochs,
`--samples` for more images.

Three rules for the neuron are shown side by side. The paper's text says V(0) = 0 and spikes at ±θ; its eq. 11 assumes a residue in ±θ/2,
which that rule does not give: counts are truncated, not rounded. Firing at θ/2 gives eq. 15 exactly, and it comes closest to what the
paper says of its Fig. 5, a low error at the first step (Net3 and Net4 less so than Net1 and Net2 here). The third, starting at θ/2, is
the remedy for neurons with one threshold and none here. Eq. 10 also leaves out T·b, the bias current.""",
    ),
}
