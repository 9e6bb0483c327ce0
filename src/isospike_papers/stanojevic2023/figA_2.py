"""A network whose neurons fire at most once answers nearly as well as its ReLU network, before most hidden neurons
have fired.

b: when inputs, hidden and output neurons fire; c and d: MNIST with 800, 400 and 340 hidden neurons; e: Fashion-MNIST.
Source: Stanojevic 2023, Fig. A.2 and sec. A.1.3.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from isospike.data import open_data
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_most
from isospike.simulate import EventDriven, simulate
from isospike.train.early import on_one_clock
from isospike_papers.shared.recipe import TRAINS, Recipe, trained
from isospike_papers.stanojevic2023.parts.early import CONSTANTS, Plan, answering
from isospike_papers.stanojevic2023.parts.networks import two_layers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
CASES = (("mnist", 800), ("mnist", 400), ("mnist", 340), ("fashion_mnist", 800))
ACCURACY, RELU, SPIKES = "SNN accuracy [%]", "ReLU accuracy [%]", "spikes per hidden neuron"
HIDDEN, INPUT, SILENT = (
    "hidden spikes before the answer",
    "input spikes before the answer",
    "silent output neurons [%]",
)
CHECKED = 500  # images whose membranes are integrated spike by spike, of those reported on
LAST = 1.5  # of the times shown, in T


class Tested(NamedTuple):
    """One trained network over the test images; times: of every layer on the inputs' clock, by image."""

    row: Row
    times: list[Tensor]
    error: float
    same: float


class Figa2(Claim):
    """Fig. A.2: networks that answer by their first output spike."""

    source = "Stanojevic 2023, appendix A.1, Figs. A.2b to A.2e"
    paper = {"MNIST, 800 hidden": {HIDDEN: 233}}  # its accuracies are in the pictures only
    # The thesis keeps a tenth of the training images for validation.
    options = {"samples": (64, None, None)} | TRAINS | {"training": (512, 54_000, 54_000), "epochs": (1, 5, 100)}

    def measure(self, setup: Setup) -> Found:
        """Train and test each network and its ReLU network."""
        found = [case(name, hidden, setup) for name, hidden in CASES]
        rows = tuple(one.row for one in found)
        plan = _plan(*CASES[0], setup)
        return Found(
            rows=rows,
            held=_claims(found),
            notes=(
                "The thesis gives neither the number of epochs, nor κ, λ, the dropout, the size of the network for "
                f"Fashion-MNIST, nor how the running mean of observation times is taken.  Here {plan.epochs} epochs, "
                f"{CONSTANTS}.",
                *(
                    ()
                    if setup.full
                    else (
                        f"Trained briefly: learning rate {plan.rate:g}, times 0.96 every {plan.every} steps, instead "
                        "of 2e-4 and 500.",
                    )
                ),
                f"Trained on {plan.images:,} images.  Both networks are reported as they are after the last epoch, "
                f"over {len(found[0].times[0]):,} test images.",
                "All pixels spike, the black ones together at the end; the thesis does not say how many of its input "
                "spikes were seen.",
                f"In double precision, and over {min(CHECKED, len(found[0].times[0]))} images, membranes were also "
                "integrated spike by spike.",
            ),
            draw=lambda: _figure(found),
        )


def _plan(name: str, hidden: int, setup: Setup) -> Plan:
    rate, every = (2e-4, 500) if setup.full else (5e-4, 50)
    return Plan(name, hidden, setup.epochs or 1, setup.training or 54_000, rate, every, setup.seed)


def case(name: str, hidden: int, setup: Setup) -> Tested:
    """One row: train or load both networks, test them."""
    plan = _plan(name, hidden, setup)
    train, test = (open_data(name, part, setup.data_dir) for part in (True, False))
    train, test = train.first(plan.images), test.first(setup.samples)
    spiking = answering(plan, train)
    recipe = Recipe(f"two-layers-{name}-{hidden}-of-{plan.images}", plan.epochs, batch=plan.batch, seed=plan.seed)
    relu = trained(recipe, lambda: two_layers(hidden, CONSTANTS.dropout), lambda: train, setup.device)
    assert test.labels is not None
    with torch.no_grad():
        parts = [(on_one_clock(spiking.times(x), CONSTANTS.lag), relu(x).argmax(1)) for x in test]
        times = [torch.cat(layer) for layer in zip(*(part for part, _ in parts), strict=True)]
        inputs, fired, outputs = times
        answer = outputs.amin(1, keepdim=True)
        spiking, checked = spiking.double(), torch.cat(list(test.first(CHECKED)))
        trace = simulate(spiking.result(), checked, EventDriven())
        own = spiking.times(checked)[1:]
    right = (outputs.argmin(1) == test.labels) & torch.isfinite(answer[:, 0])  # silence is no answer
    label = f"{TITLES[name]}, {hidden} hidden"
    measured: dict[str, Value] = {
        ACCURACY: 100 * float(right.double().mean()),
        RELU: 100 * float((torch.cat([said for _, said in parts]) == test.labels).double().mean()),
        SPIKES: float(torch.isfinite(fired).double().mean()),
        HIDDEN: float((fired < answer).sum(1).double().mean()),
        INPUT: float((inputs < answer).sum(1).double().mean()),
        SILENT: 100 * float(torch.isinf(outputs).double().mean()),
    }
    simulated = [trace.times(stage.name) for stage in trace.network.stages]
    # Two silent neurons agree, though ∞ − ∞ is no number.
    error = max(float(torch.where(a == b, 0.0, (a - b).abs()).max()) for a, b in zip(own, simulated, strict=True))
    same = float((own[-1].argmin(1) == trace.readout.argmax(1)).double().mean())
    return Tested(Row(label, measured), times, error, same)


def _claims(found: list[Tested]) -> tuple[Held, ...]:
    behind = [relu - spiking for relu, spiking in zip(_column(found, RELU), _column(found, ACCURACY), strict=True)]
    worst = {
        title: max(by for by, (data, _) in zip(behind, CASES, strict=True) if data == name)
        for name, title in TITLES.items()
    }
    error, same = max(one.error for one in found), min(one.same for one in found)
    share = max(seen / hidden for seen, (_, hidden) in zip(_column(found, HIDDEN), CASES, strict=True))
    spikes = max(abs(s - 0.5) for s in _column(found, SPIKES))
    return (
        Held(
            "membranes integrated spike by spike cross their thresholds when the sorted sums say",
            error,
            "within 1e-9 T",
            error <= 1e-9,
        ),
        Held("they give the same answers", same, "share 1", same == 1),
        Held("hidden neurons fire for about half of the images", spikes, "share within 0.1 of 0.5", spikes <= 0.1),
        at_most("the answer comes before most hidden neurons have fired; share", share, 0.5, "in the paper 233 / 800"),
        *(
            at_most(f"accuracy on {title} comes close to the ReLU network's", by, 2, "points behind")
            for title, by in worst.items()
        ),
    )


def _column(found: list[Tested], name: str) -> list[float]:
    return [float(one.row.measured[name] or 0.0) for one in found]


def _figure(found: list[Tested]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    grid = figure.add_gridspec(3, 2, width_ratios=(3, 2))
    times = found[0].times
    answer, shared = times[-1].amin(1), None
    for n, (layer, name, color) in enumerate(
        zip(times, ("input", "hidden", "output"), ("#707070", "#1f4e79", "#c55a11"), strict=True)
    ):
        axes = figure.add_subplot(grid[n, 0], sharex=shared)
        shared = shared or axes
        spikes = layer[torch.isfinite(layer)]
        axes.hist(
            spikes.clamp_max(LAST).numpy(),
            bins=80,
            range=(0, LAST),
            weights=torch.full_like(spikes, 1 / len(layer)).numpy(),
            color=color,
        )
        axes.axvline(float(answer.clamp_max(LAST).median()), color="black", lw=1, ls=":")
        axes.set(ylabel=f"{name} spikes", yscale="log" if n == 0 else "linear", xlim=(0, LAST))
        axes.tick_params(labelbottom=n == 2)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_title(
        f"b  spikes an image, {found[0].row.case}; dotted: median answer", fontsize=10, loc="left"
    )
    figure.axes[-1].set_xlabel("time on the inputs' clock [T]; last bin: later")
    axes = figure.add_subplot(grid[:, 1])
    places = range(len(found))
    for shift, column, color, label in ((-0.2, ACCURACY, "#c55a11", "first spike"), (0.2, RELU, "#b0b0b0", "ReLU")):
        bars = axes.bar([place + shift for place in places], _column(found, column), 0.38, color=color, label=label)
        axes.bar_label(bars, fmt="%.1f", fontsize=7)
    axes.set(ylabel="test accuracy [%]", ylim=(max(0.0, min(_column(found, ACCURACY)) - 10), 100))
    axes.set_xticks(list(places), [one.row.case.replace(", ", "\n") for one in found], fontsize=8)
    axes.set_title("c–e  accuracy", fontsize=10, loc="left")
    axes.legend(loc="upper right", fontsize=8, framealpha=1)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
