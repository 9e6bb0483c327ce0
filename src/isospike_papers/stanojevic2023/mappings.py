"""The five mappings of the thesis' chapter 2 compute the same; they differ in ramps, thresholds, spikes, and in what
they ask of hardware.  The statement about early spikes was chosen after looking.

LeNet-5, whose weights come with the package, is mapped in each way, and in a sixth: with the ramps of all layers from
t = 0 on.  Each is compared with the ReLU network, also with thresholds that are not raised before t_min, and with
ramps that are off.  Source: Stanojevic 2023, §2.2.2, §2.2.3, §2.4.5, eqs. 2.3–2.6, Table 2.1."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isospike import ClosedForm, EventDriven, SlopeMismatch, SpikingNetwork, constrain
from isospike.codings import TTFS
from isospike.convert import Conversion
from isospike.data import Data
from isospike.ir.ops.affine import row_sum
from isospike.measure import Report, checked
from isospike.network import Stage, total
from isospike.neurons import FirstSpikeIF
from isospike.report.claim import Claim, Figures, Found, Held, Row, Setup, Value, at_least, at_most, number
from isospike.simulate import Simulator
from isospike.zoo import lenet5
from isospike_papers.shared.data import with_test_set

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CALIBRATION = 1000  # training samples that windows are calibrated on
EVENTS = 100  # samples that are also simulated event by event
EXACT = 1e-9  # of the largest output, in double precision
OFF = 0.001  # standard deviation of the ramps' mismatch at which Fig. 2.5 shows a dramatic drop
SLOWEST = 1 / 11  # of slopes, for B_low = 10 and α = 1 (§2.2.2)

FIXED, POSITIVE, FALLING, IDENTICAL, SILENT, ZERO = (
    "fixed α, eq. 2.3",
    "guaranteed positive slope, eq. 2.4",
    "dynamical threshold, eq. 2.5",
    "identical weights, eq. 2.6",
    "less than one spike per neuron",
    "fixed α, ramps from t = 0",
)
ONCE = TTFS("fixed", ramp_from="previous", forced_spikes=True)
MAPPINGS = {
    FIXED: ONCE,
    POSITIVE: replace(ONCE, mapping="positive"),
    FALLING: replace(ONCE, mapping="dynamic"),
    IDENTICAL: replace(ONCE, mapping="identical"),
    SILENT: replace(ONCE, forced_spikes=False),
    ZERO: replace(ONCE, ramp_from="input"),
}
NEEDS = {
    FIXED: "rows of weights rescaled to sums below 1; thresholds that are infinite before t_min.",
    POSITIVE: "rows rescaled so that positive weights sum to less than 1; thresholds are constant.",
    FALLING: "as fixed α, but no ramp current: each threshold falls from the window before on.",
    IDENTICAL: "weights as they are; a ramp for each neuron, which may be negative; gated thresholds.",
    SILENT: "as fixed α; t_max of each layer is known to the next, in place of the spikes of silent neurons.",
    ZERO: "as fixed α, but one start for all ramps; thresholds higher by α t_min.",
}
CLOSED, BY_EVENTS, CONSTANT, EARLY, MISMATCH = (
    "error, closed form",
    "error, events",
    "error, constant threshold",
    "early spikes, constant threshold",
    f"error, ramps off by {OFF:g}",
)
AGREE, LATENCY, SPIKES, RESCALED = "agreement [%]", "latency [τ]", "spikes per neuron", "neurons rescaled [%]"
RAMPS, THRESHOLDS, SLOPES = (("least α", "largest α"), ("least θ", "largest θ"), ("least slope", "largest slope"))
BEFORE, RAISED = "least slope before t_min", "largest α (t_min − t_ramp)"


class FiveMappings(Claim):
    """§2.2.3: five equivalent mappings of one network, and one whose ramps start at t = 0."""

    source = "Stanojevic 2023, §2.2.3 and §2.4.5, eqs. 2.3–2.6, Table 2.1"
    paper = {
        FIXED: {AGREE: 100.0, LATENCY: 50, SPIKES: 1.0, RAMPS[0]: 1.0, RAMPS[1]: 1.0, SLOPES[0]: "above 0.0909"},
        POSITIVE: {SPIKES: 1.0, BEFORE: "above 0"},
        FALLING: {SPIKES: 1.0, RAMPS[0]: 0.0, RAMPS[1]: 0.0},
        IDENTICAL: {SPIKES: 1.0, RESCALED: 0.0, SLOPES[0]: 1.0, SLOPES[1]: 1.0},
        SILENT: {AGREE: 100.0, LATENCY: 50, SPIKES: 0.5018},
    }
    options = {"samples": (64, 2000, None), "trials": (2, 4, 16), "seed": 0}

    def measure(self, setup: Setup) -> Found:
        """Convert the network once for each mapping, and compare all with it."""
        split = with_test_set("mnist", setup.data_dir)
        data = split.reported["test set"].first(setup.samples)
        compared = _Compared(Conversion(lenet5(), split.train.first(CALIBRATION), (0.0, 1.0)), data, setup)
        rows = [Row(name, compared.figures(coding), note=NEEDS[name]) for name, coding in MAPPINGS.items()]
        found = {row.case: row.measured for row in rows}
        return Found(rows, _claims(found), _notes(data, setup), lambda: _figure(found))


@dataclass(frozen=True)
class _Compared:
    """The network under conversion, and what it is compared on."""

    conversion: Conversion
    data: Data
    setup: Setup

    def figures(self, coding: TTFS) -> dict[str, Value]:
        network = self.conversion.network(coding, torch.float64)
        closed = self.report(network, self.data, ClosedForm())
        events = self.report(network, self.data.first(EVENTS), EventDriven())
        constant = self.conversion.network(replace(coding, gated=False), torch.float64)
        bare = self.report(constant, self.data.first(EVENTS), EventDriven())
        off = [
            self.report(constrain(network, SlopeMismatch(OFF, self.setup.seed + i)), self.data, ClosedForm())
            for i in range(self.setup.trials)
        ]
        return {
            CLOSED: _error(closed),
            BY_EVENTS: _error(events),
            AGREE: 100 * min(closed.agreement, events.agreement),
            LATENCY: network.latency,
            SPIKES: closed.spikes_per_neuron,
            **_parameters(network),
            CONSTANT: _error(bare),
            EARLY: bare.early_spikes,
            MISMATCH: sum(map(_error, off)) / len(off),
        }

    def report(self, network: SpikingNetwork, data: Data, simulator: Simulator) -> Report:
        original = self.conversion.original(torch.float64)
        return checked(original, self.conversion.exact(), network, data.batches(), (simulator,))


def _error(report: Report) -> float:
    """The largest over all samples and classes, over the largest output."""
    return report.max_abs_error / report.logit_scale


def _parameters(network: SpikingNetwork) -> dict[str, Value]:
    """What hidden neurons have, and how their membranes can move."""
    shapes = network.body.shapes
    parts: dict[str, list[Tensor]] = {name: [] for name in ("α", "θ", "slope", "before", "raised", "rescaled")}
    for stage in network.stages:
        neuron = stage.neuron
        if isinstance(neuron, FirstSpikeIF):
            inhibition = (total(stage, shapes) - _magnitudes(stage, shapes)) / 2
            own = (
                neuron.ramp,
                neuron.threshold,
                neuron.slope,
                neuron.ramp + neuron.fall + inhibition,
                (neuron.ramp + neuron.fall) * neuron.onset / neuron.tau,
                (neuron.unit * neuron.tau > 1 + EXACT).double(),
            )
            for kept, tensor in zip(parts.values(), own, strict=True):
                kept.append(tensor.detach().expand(stage.shape).flatten())
    alpha, theta, slope, before, raised, rescaled = (torch.cat(kept) for kept in parts.values())
    ends = ((RAMPS, alpha), (THRESHOLDS, theta), (SLOPES, slope))
    return {
        **{name: float(end) for names, all_ in ends for name, end in zip(names, all_.aminmax(), strict=True)},
        RAISED: float(raised.max()),
        BEFORE: float(before.min()),
        RESCALED: 100 * float(rescaled.mean()),
    }


def _magnitudes(stage: Stage, shapes: Mapping[str, tuple[int, ...]]) -> Tensor:
    """Σ_j |J_j| of every neuron."""
    (group,) = stage.groups
    return row_sum(tuple(step.abs() for step in group.chain), shapes[group.source])


def _claims(found: Mapping[str, Figures]) -> tuple[Held, ...]:
    def of(name: str, figure: str) -> float:
        return number(found[name][figure])

    worst = max(of(name, figure) for name in found for figure in (CLOSED, BY_EVENTS))
    level = max(abs(of(IDENTICAL, end) - 1) for end in SLOPES)
    window = max(abs(of(name, LATENCY) / of(FIXED, LATENCY) - 1) for name in (FALLING, SILENT, ZERO))
    kept = max(of(name, CONSTANT) for name in (FIXED, SILENT))
    return (
        at_most("all mappings equal the ReLU network in values, in both simulators", worst, EXACT, "of the output"),
        at_least("fixed α: no slope after t_min is below 1/11", of(FIXED, SLOPES[0]), SLOWEST * (1 - EXACT)),
        at_least("positive slope: V never falls before t_min", of(POSITIVE, BEFORE), 0.0),
        at_most("and so its thresholds may be constant", of(POSITIVE, CONSTANT), EXACT, "of the output"),
        at_most("fixed α: constant thresholds do as well, as §2.4.2 has them", kept, EXACT, "of the output"),
        at_least(
            "identical weights: constant thresholds fire early (chosen after looking)",
            of(IDENTICAL, EARLY),
            1,
            "early spike",
        ),
        at_most("identical weights: all slopes after t_min are 1", level, EXACT),
        at_most("the variants of fixed α have its windows, and so its latency", window, EXACT),
        Held(
            "less than one spike: fewer spikes, the same values",
            of(SILENT, SPIKES),
            "below 1 a neuron",
            of(SILENT, SPIKES) < 1 == of(FIXED, SPIKES),
        ),
    )


def _notes(data: Data, setup: Setup) -> tuple[str, ...]:
    return (
        f"LeNet-5 as it comes with the package, on {len(data):,} test images of MNIST in double precision; windows "
        f"are calibrated on {CALIBRATION:,} training images, ζ = 0.5.  Errors are the largest over images and "
        f"classes, relative to the largest output; event by event over the first {EVENTS} images.  The thesis' "
        "latency of 50 and share of 50.18 % are those of its own LeNet-5; it names no unit for latencies.",
        "Every neuron fires once, silent ones at t_max, but for the row of less than one spike.  Slopes are dV/dt, of "
        "a falling threshold d(V − θ)/dt; before t_min the least is the one after all inhibitory spikes and no "
        "excitatory one, once the ramp runs.  Of a threshold, α ρ = α (t_min − t_ramp) is what the ramp adds before "
        "t_min.",
        "Eq. 2.4 asks for a larger α.  J grows with α (eq. 2.3), so that the least slope before t_min is α times a "
        "number that does not depend on α: where it is negative, no α helps.  The second row rescales rows by their "
        "positive weights instead.  Its activations are smaller, and so its windows are shorter: the same time holds "
        "more of them, and spikes have to be told apart more finely.",
        "Constant threshold: θ is not raised before t_min, event by event; early spikes are those of the same "
        f"{EVENTS} images.  The thesis calls them negligible and leaves thresholds constant in its simulations, whose "
        "α is 1 (§2.4.2).",
        f"Ramps off by {OFF:g}: each neuron's α has a normal error of this standard deviation, mean of the largest "
        f"error over {setup.trials} draws.  The error adds up for as long as the ramp runs.",
    )


def _figure(found: Mapping[str, Figures]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 3.4), layout="constrained")
    a, b, c, d = figure.subplots(1, 4, sharey=True)
    at = range(len(found))
    series = (
        (CLOSED, "o", "#1f4e79"),
        (BY_EVENTS, "x", "#2e8b57"),
        (CONSTANT, "s", "#c55a11"),
        (MISMATCH, "^", "#7f7f7f"),
    )
    for name, mark, color in series:
        errors = [max(number(figures[name]), 1e-17) for figures in found.values()]
        a.plot(errors, at, mark, color=color, ms=5, mfc="none", label=name.removeprefix("error, "))
    for axes, (low, high) in ((b, RAMPS), (c, THRESHOLDS)):
        ends = [(number(figures[low]), number(figures[high])) for figures in found.values()]
        axes.hlines(at, *zip(*ends, strict=True), color="#1f4e79", lw=2)
        axes.plot(ends, at, "|", color="#1f4e79", ms=8)
    c.plot([number(figures[RAISED]) for figures in found.values()], at, "o", color="#1f4e79", ms=4)
    d.barh(at, [number(figures[LATENCY]) for figures in found.values()], 0.5, color="#1f4e79")
    a.set(xscale="log", title="a  error / largest output", yticks=list(at), yticklabels=list(found))
    a.invert_yaxis()
    b.set(title="b  ramps α, least to largest")
    c.set(title="c  thresholds θ; dot: largest α ρ", xscale="symlog")
    d.set(title="d  latency [τ]")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    for axes in (a, b, c, d):
        axes.title.set(fontsize=10, ha="left", x=0.0)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#e6e6e6", lw=0.7)
        axes.set_axisbelow(True)
    return figure
