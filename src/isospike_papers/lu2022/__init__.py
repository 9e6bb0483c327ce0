"""Lu & Xu 2022.

The linear leaky integrate-and-fire neuron as a rectifier (S. Lu, F. Xu, 2022). Weights are carried over as they are,
V_th = 1, with a coding range of k spikes a second for the largest input, in steps of 0.01 s. What holds: without leak
the neuron is a rectifier to within one spike, its slope is 1 / (V_th C), the linear reset errs less than the reset to
zero as long as rates do not saturate, and spike counts of whole networks become their ReLU networks' activations. What
holds with a correction: the bias that a membrane conductance stands for. The printed formula has the wrong sign, and
gives where the neuron begins to fire; the line that it follows well above that has the bias −g V_th / 2. What differs:
how soon deep networks agree, which depends on how large a trained network's activations are, and that agreement rises
with the conductance, which we see only where rates saturate."""
