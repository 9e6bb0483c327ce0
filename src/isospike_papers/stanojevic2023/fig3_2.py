r"""Initialised as ReLU networks are, spiking ones with α = 1 have explosive Jacobians; with slopes of 1 they have the
ReLU network's.

    dt(n)/dt(n−1) = M B⁻¹ W,   B_i = α_i + Σ_j W_ij,   W ~ N(0, 1/340),   M_i = 1 where neuron i fires before t_max

naive    α = 1: B_i is near zero for some neurons                  slope 1    α_i = 1 − Σ_j W_ij (eq. 3.9), the
Jacobian is W inverse  α = 1, w ~ N(0, 1/340) mapped to W = B w, B_i = 1 / (1 − Σ_j w_ij), rows rescaled so that Σ_j
w_ij < 1; the Jacobian is w he       slope 1 with W ~ N(0, 2/340)

Then the gradient of a loss through the spike times of 16 layers.  Source: Stanojevic 2023, Fig. 3.2, eqs. 3.9–3.12,
3.19–3.21."""

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.neurons import FirstSpikeIF
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_least

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNITS, DEPTH, SAMPLES, CLASSES = 340, 16, 32, 10
MARGIN, DELTA = 0.5, 0.01  # ζ; rescaled rows sum to 1 − δ at most
BEYOND = (
    1.1  # the circular law is one of many units: the largest of 340 eigenvalues lies a few per cent off the circle
)
NAIVE, SLOPE_1, INVERSE, HE = "naive, α = 1", "slope 1, eq. 3.9", "α = 1, mapped inversely", "slope 1, variance 2/340"


@dataclass(frozen=True)
class Layer:
    """Synapses W, (units, units), and ramp α, (units,)."""

    weight: Tensor
    ramp: Tensor

    @property
    def slope(self) -> Tensor:
        """B, (units,)."""
        return self.ramp + self.weight.sum(1)

    @property
    def jacobian(self) -> Tensor:
        """B⁻¹ W."""
        return self.weight / self.slope[:, None]


@dataclass(frozen=True)
class Backward:
    """Norms of the gradient with respect to spike times, the input's first, and of the ReLU network's with respect to
    activations."""

    norms: Tensor
    relu: Tensor


def initialised(kind: str, normal: Tensor) -> Layer:
    """A layer of this kind from a matrix of N(0, 1/units)."""
    if kind == NAIVE:
        return Layer(normal, torch.ones(len(normal), dtype=normal.dtype))
    if kind == INVERSE:
        w = normal * ((1 - DELTA) / normal.sum(1).clamp_min(1 - DELTA))[:, None]
        return Layer(w / (1 - w.sum(1))[:, None], torch.ones(len(w), dtype=w.dtype))
    weight = 2**0.5 * normal if kind == HE else normal
    return Layer(weight, 1 - weight.sum(1))


def backward(layers: list[Layer], x: Tensor, read: Tensor, labels: Tensor) -> Backward:
    """Cross-entropy, back through the spikes of every layer.  x: (samples, units) in [0, 1]; read: (classes,
    units)."""
    leads = [x.requires_grad_()]
    for layer in layers:
        leads.append(spikes(layer, leads[-1]))
    relu = [x]
    for layer in layers:
        relu.append(F.relu(relu[-1] @ layer.jacobian.T))
    norms, equivalent = (
        torch.stack([g.norm() for g in torch.autograd.grad(F.cross_entropy(c[-1] @ read.T, labels), c)])
        for c in (leads, relu)
    )
    return Backward(norms, equivalent)


def passed(layer: Layer, x: Tensor) -> Tensor:
    """The Jacobian as it is for the first sample, (units, units), the neurons that are silent or held at t_min left
    out."""
    return torch.autograd.functional.jacobian(lambda one: spikes(layer, torch.cat((one[None], x[1:])))[0], x[0])


def spikes(layer: Layer, arriving: Tensor) -> Tensor:
    """Leads of a layer, (samples, units), in a window set as eqs. 3.19–3.21 say; a slope below zero fires at once or
    never."""
    potential = arriving @ layer.weight.T
    nought, one = potential.new_zeros(()), potential.new_ones(())
    window = (1 + MARGIN) * potential.detach().max().clamp_min(1e-300)
    given = (nought, layer.ramp, nought, layer.slope, nought, window, nought, one, one)
    neuron = FirstSpikeIF(*given, gated=True, clipped=False, forced=True)
    return neuron.closed_form(lambda bias: potential + (nought if bias is None else bias))


class Fig32(Claim):
    """Fig. 3.2: eigenvalues of the Jacobian at initialisation, and gradients by depth."""

    source = "Stanojevic 2023, Fig. 3.2 and the text beside it"
    options = {"trials": (2, 16, 16), "seed": 0}

    def measure(self, setup: Setup) -> Found:
        """Draw networks, take their Jacobians' eigenvalues, and send a gradient back through each."""
        generator = torch.Generator().manual_seed(setup.seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64) / UNITS**0.5

        spectra: dict[str, list[Tensor]] = {kind: [] for kind in (NAIVE, SLOPE_1, INVERSE, HE)}
        masked: dict[str, list[Tensor]] = {kind: [] for kind in spectra}
        passes: dict[str, list[Backward]] = {kind: [] for kind in spectra}
        for _ in range(setup.trials):
            drawn, read = [normal(UNITS, UNITS) for _ in range(DEPTH)], normal(CLASSES, UNITS)
            x = torch.rand(SAMPLES, UNITS, generator=generator, dtype=torch.float64)
            labels = torch.randint(0, CLASSES, (SAMPLES,), generator=generator)
            for kind in spectra:
                layers = [initialised(kind, matrix) for matrix in drawn]
                passes[kind].append(backward(layers, x.clone(), read, labels))
                spectra[kind].append(torch.linalg.eigvals(layers[0].jacobian))
                masked[kind].append(torch.linalg.eigvals(passed(layers[0], x)))
        rows = {kind: _measured(spectra[kind], masked[kind], passes[kind]) for kind in spectra}
        return Found(
            rows=tuple(Row(kind, measured) for kind, measured in rows.items()),
            held=_claims(rows, passes),
            notes=(
                f"{setup.trials} networks of {DEPTH} layers, {UNITS} neurons each, no biases; eigenvalues are of the "
                f"first layers' Jacobians, the gradient is of the cross-entropy of {SAMPLES} random inputs.  Medians "
                "over the networks, the largest modulus over all.",
                "The text takes M for a small matter.  It silences half of each layer, and the spectral radius of M W "
                "is about 1/√2 of that of W: eigenvalues in the unit circle then make a gradient fall by 1/√2 a "
                f"layer, to {2 ** (-DEPTH / 2):.2g} in all.  With variance 2/{UNITS} W goes beyond the circle, M W "
                "fills it, and the gradient keeps its size.",
                "With α = 1 the naive slope B_i is below zero for a sixth of the neurons, which fire at once or "
                "never; of those where it is just above zero many are past their threshold at t_min and held there.  "
                "No gradient passes through either: the Jacobian of gated neurons is far smaller than the eigenvalues "
                "of B⁻¹ W suggest, and yet the gradient grows.",
            ),
            draw=lambda: _figure(spectra, passes),
        )


OUTSIDE, LARGEST, WITH_M, GROWTH = (
    "outside the unit circle [%]",
    "largest modulus",
    "largest modulus with M",
    "gradient at the input / at the last layer",
)


def _measured(spectra: list[Tensor], masked: list[Tensor], passes: list[Backward]) -> dict[str, Value]:
    return {
        OUTSIDE: 100 * float((torch.cat(spectra).abs() > 1).double().mean()),
        f"beyond {BEYOND} [%]": 100 * float((torch.cat(spectra).abs() > BEYOND).double().mean()),
        LARGEST: float(torch.cat(spectra).abs().max()),
        WITH_M: float(torch.cat(masked).abs().max()),
        GROWTH: median(float(p.norms[0] / p.norms[-1]) for p in passes),
    }


def _claims(rows: dict[str, dict[str, Value]], passes: dict[str, list[Backward]]) -> tuple[Held, ...]:
    def at(kind: str, key: str) -> float:
        value = rows[kind][key]
        assert isinstance(value, float)
        return value

    within = max(at(kind, LARGEST) for kind in (SLOPE_1, INVERSE))
    off = max(float((p.norms / p.relu - 1).abs().max()) for kind in (SLOPE_1, INVERSE, HE) for p in passes[kind])
    kept = at(SLOPE_1, GROWTH)
    he = at(HE, GROWTH)
    return (
        at_least("naive: multiple eigenvalues with modulus larger than 1", at(NAIVE, OUTSIDE), 10, "% of them"),
        Held(
            "naive: the gradient explodes",
            at(NAIVE, GROWTH),
            f"at least 10 times in {DEPTH} layers",
            at(NAIVE, GROWTH) >= 10,
        ),
        Held(
            "slope 1 or mapped inversely: eigenvalues stay in the unit circle",
            within,
            f"largest modulus at most {BEYOND}",
            within <= BEYOND,
        ),
        Held("there the gradient is the ReLU network's", off, "norms within 1e-6 of it, relative", off <= 1e-6),
        Held(
            "slope 1: the vanishing-gradient problem is avoided",
            kept,
            f"at least a tenth is left after {DEPTH} layers",
            kept >= 0.1,
        ),
        Held("slope 1, variance 2/340: the gradient keeps its size", he, "within a factor of 3", 1 / 3 <= he <= 3),
    )


def _figure(spectra: dict[str, list[Tensor]], passes: dict[str, list[Backward]]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    a, b, c = figure.subplots(1, 3)
    angle = torch.linspace(0, 2 * torch.pi, 200)
    for axes, kind, letter in ((a, NAIVE, "a"), (b, SLOPE_1, "b")):
        points = spectra[kind][0]
        inside = points[(points.real.abs() < 3) & (points.imag.abs() < 3)]
        axes.plot(inside.real, inside.imag, ".", color="#1f4e79", ms=3)
        axes.plot(angle.cos(), angle.sin(), "-", color="#c55a11", lw=1)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="Re λ", ylabel="Im λ", title=f"{letter}  {kind}")
        axes.annotate(
            f"{len(points) - len(inside)} farther out",
            (0.02, 0.02),
            xycoords="axes fraction",
            fontsize=8,
            color="#707070",
        )
    for (kind, of_kind), mark in zip(passes.items(), ("o-", "s-", "^-", "d-"), strict=True):
        norms = torch.stack([p.norms / p.norms[-1] for p in of_kind]).median(0).values
        c.plot(range(DEPTH + 1), norms, mark, ms=3, lw=1.2, label=kind)
    c.set(yscale="log", xlabel="layer (0: input)", ylabel="gradient / at the last layer", title="c  gradient by depth")
    c.legend(fontsize=7.5, frameon=False)
    for axes in (a, b, c):
        axes.title.set(fontsize=10, ha="left", x=0.0)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
