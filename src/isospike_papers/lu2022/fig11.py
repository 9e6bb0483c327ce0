"""Spike counts of the hidden layer are its ReLU activations, in units of k T, within a few spikes.

Membrane potentials of 16 of 60 hidden neurons for one digit, their spikes, and both layers as maps.  Source: Lu 2022,
Fig. 11."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from isospike import simulate
from isospike.engine import advance, start
from isospike.neurons import IF
from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Held, Row, Setup, at_least
from isospike_papers.lu2022.parts.setting import DT, SECONDS, coding, dense_mnist, spiking
from isospike_papers.shared.recipe import TRAINS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, SHOWN, RANGE_HZ = 60, 16, 10.0


class Fig11(Claim):
    """Fig. 11: hidden layer of a dense network on MNIST."""

    source = "Lu 2022, Fig. 11"
    options = TRAINS | {"epochs": (1, 10, 10)}

    def measure(self, setup: Setup) -> Found:
        """The first test image."""
        subject = dense_mnist(setup, HIDDEN)
        x, _ = next(subject.split.reported["test set"].first(1).batches())
        assert isinstance(subject.model, nn.Sequential)
        activations = subject.model[:3](x)[0].double()
        network = spiking(subject, coding(RANGE_HZ, SECONDS)).to(torch.float64)
        stage = network.stages[0]
        counts = simulate(network, x.double()).trains[stage.name].double().sum(0)[0]
        # The same neurons again, one step at a time and from the weights of the original.
        encoder = network.body.encoder
        train = encoder.train(encoder.drive(x.double()), 0, round(SECONDS / DT), None)
        dense = subject.model[1]
        assert isinstance(dense, nn.Linear) and isinstance(stage.neuron, IF)
        drive = train.flatten(1) @ dense.weight.double().T
        state = start(stage.neuron, drive[:1])
        potentials, spikes = [], []
        for current in drive:
            spikes.append(advance(stage.neuron, current[None, None].clone(), state, 1)[0, 0])
            potentials.append(state.states[0][0] / stage.neuron.threshold)
        again, trace = torch.stack(spikes), torch.stack(potentials)
        wanted = activations.clamp_max(1 / (RANGE_HZ * DT)) * RANGE_HZ * SECONDS
        off = counts - wanted
        correlation = float(torch.corrcoef(torch.stack([counts, activations]))[0, 1])
        differing = int((again.sum(0) != counts).sum())
        return Found(
            rows=(
                Row(
                    "spikes",
                    {
                        "mean": float(counts.mean()),
                        "largest": float(counts.max()),
                        "silent neurons": int((counts == 0).sum()),
                    },
                ),
                Row(
                    "k T · activation",
                    {
                        "mean": float(wanted.mean()),
                        "largest": float(wanted.max()),
                        "silent neurons": int((wanted == 0).sum()),
                    },
                ),
                Row("difference", {"mean": float(off.mean()), "largest": float(off.abs().max())}),
            ),
            held=(
                Held(
                    "integrated step by step from the original's weights, the neurons fire as often",
                    float(differing),
                    "0 of 60 differ",
                    differing == 0,
                ),
                at_least("counts follow the activations; correlation", correlation, 0.98),
                Held(
                    "and are not far from them",
                    float(off.abs().mean()),
                    "mean difference at most 3 spikes",
                    float(off.abs().mean()) <= 3,
                ),
            ),
            notes=(
                f"784-{HIDDEN}-10 without biases, first test image, k = {RANGE_HZ:g} Hz, {SECONDS:g} s in steps of "
                f"{DT} s, no leak.  A pixel of 1 sends {RANGE_HZ * SECONDS:g} spikes.",
                "Neurons whose activation exceeds 1 / (k Δt) = 10 would need more than one spike a step: they send "
                "one every step, and their potential grows.",
                "Inputs of one frequency fire together, so a step can bring more than one spike's worth; the rest "
                "waits above the threshold for the next steps.",
                "Some neurons of negative drive send a few spikes before the negative inputs have arrived.  They "
                "cannot be taken back.",
            ),
            draw=lambda: _figure(trace, again, counts, activations),
        )


def _figure(trace: Tensor, spikes: Tensor, counts: Tensor, activations: Tensor) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=(1.7, 1))
    left, right = parts
    t = torch.arange(1, len(trace) + 1) * DT
    for i, axes in enumerate(left.subplots(SHOWN, 1, sharex=True)):
        axes.plot(t, trace[:, i].clamp(-2, 1.2), color="#808080", lw=0.7)
        axes.vlines(t[spikes[:, i] > 0], 1.0, 2.0, color="#b00020", lw=0.8)
        axes.set(ylim=(-2.1, 2.1), yticks=[], xlim=(0, SECONDS))
        axes.set_ylabel(f"{i}", rotation=0, fontsize=7, ha="right", va="center")
        axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
        axes.tick_params(bottom=i == SHOWN - 1)
    axes.set_xlabel("time [s]")
    left.suptitle("potentials (grey, cut off at −2 thresholds) and spikes (red) of neurons 0–15", fontsize=9)
    panels = right.subplots(2, 1)
    for panel, values, title in (
        (panels[0], counts, "spikes of the linear LIF neurons"),
        (panels[1], activations, "activations of the ReLU neurons"),
    ):
        image = panel.imshow(values[:HIDDEN].reshape(6, -1).numpy(), cmap="viridis")
        right.colorbar(image, ax=panel)
        tidy(panel, title)
        panel.set(xticks=[], yticks=[])
        panel.grid(False)
    return figure
