"""Pictures show the numbers that they are given: what is drawn is read back from the axes and compared."""

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from torch import Tensor, nn
from typer.testing import CliRunner

import isospike as iso
import isospike_cli
from isospike import plot
from isospike.errors import InvalidData, InvalidSetting
from isospike.measure import Moment
from isospike.measure.membrane import membrane
from isospike.neurons import SignedIF
from isospike.plot.pareto import frontier
from isospike.report import Row
from isospike.simulate.stepped import StepByStep

matplotlib.use("Agg")


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4)).double().eval()


X = torch.rand(20, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
FIRST = iso.convert(model(), X, input_range=(0.0, 1.0))
STEPS = iso.convert(model(), X, iso.Rate(steps=16, neuron=SignedIF()), (0.0, 1.0))
ONE = iso.convert(nn.Linear(6, 4).double(), X)
FALLING = iso.convert(model(), X, iso.TTFS(mapping="dynamic"), (0.0, 1.0))
NAMES = [stage.name for stage in FIRST.stages]
LEVELS, ACCURACIES = (0.0, 0.1), {"one": [[0.9, 0.8], [0.5, 0.7]], "other": [[0.4], [0.3]]}


def row(coding: str, energy: float, agreement: float, steps: int | None = 4) -> Row:
    return Row(coding, steps, 1, None, None, agreement, 0.0, 1.0, 1.0, 1.0, 0.0, energy / 50, energy, 50.0)


ROWS = [
    row("a", 1, 0.2),
    row("a", 5, 0.9),
    row("b", 6, 0.5),
    row("c", 7, 1.0, None),
    row("b", 9, 1.0),
    row("d", 1.2, 0.21),
]
DRAWN: dict[str, Callable[[Axes | None], Axes]] = {
    "raster": lambda axes: plot.raster(iso.simulate(FIRST, X), 3, axes=axes),
    "raster of steps": lambda axes: plot.raster(iso.simulate(STEPS, X), 3, axes=axes),
    "readout": lambda axes: plot.readout(iso.simulate(FIRST, X), 3, axes=axes),
    "spike_times": lambda axes: plot.spike_times(iso.simulate(FIRST, X), axes=axes),
    "membrane": lambda axes: plot.membrane(FIRST, X[:1], NAMES[0], [(0,), (1,)], axes),
    "membrane of steps": lambda axes: plot.membrane(STEPS, X[:1], NAMES[0], [(0,), (1,)], axes),
    "windows": lambda axes: plot.windows(FIRST, axes),
    "curve": lambda axes: plot.curve(iso.curve(STEPS, X, model()), axes=axes),
    "diagnosis": lambda axes: plot.diagnosis(iso.diagnose(STEPS, X), axes),
    "pareto": lambda axes: plot.pareto(ROWS, axes),
    "sensitivity": lambda axes: plot.sensitivity(LEVELS, ACCURACIES, "jitter", 0.9, axes),
    "pattern": lambda axes: plot.pattern(torch.eye(70), axes=axes),
}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def places(axes: Axes) -> np.ndarray:
    """Of all circles and marks."""
    return np.concatenate(
        [np.asarray(one.get_offsets()) for one in axes.collections if len(one.get_offsets()) and one.get_zorder() == 3]
    )


@pytest.mark.parametrize("name", DRAWN)
def test_axes_in_axes_out(name: str, tmp_path: Path) -> None:
    for width, height in ((8, 5), (4, 2.6)):
        figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
        assert DRAWN[name](axes) is axes
        figure.savefig(tmp_path / "a.png")
        assert (tmp_path / "a.png").stat().st_size > 3000
    own = DRAWN[name](None)
    assert own is not axes and own.figure is not figure


def test_a_raster_shows_when_each_neuron_fires() -> None:
    trace = iso.simulate(FIRST, X)
    for name in NAMES[:-1]:
        pyplot.close("all")
        stage, times = trace.stage(name), trace.times(name)[3]
        shown = places(plot.raster(trace, 3, [name], neurons=len(times)))
        expected = torch.where(times.isfinite(), float(stage.begin) + times, float(stage.end))
        assert sorted(shown[:, 0]) == pytest.approx(sorted(expected.tolist()), abs=1e-12)
        assert shown[0, 0] == pytest.approx(float(expected.min())) and shown[0, 1] == 0  # the first is on top
        few = places(plot.raster(trace, 3, [name], neurons=5))
        assert len(few) == 5 and set(few[:, 0].round(9)) <= set(shown[:, 0].round(9))


def test_a_raster_of_steps_shows_every_spike() -> None:
    trace = iso.simulate(STEPS, X)
    for name in NAMES[:-1]:
        pyplot.close("all")
        train = trace.trains[name][:, 3]
        shown = places(plot.raster(trace, 3, [name], neurons=train.shape[1]))
        assert sorted(shown[:, 0]) == sorted((train.nonzero()[:, 0] + 1).tolist())


def test_histograms_count_first_spikes_and_silent_neurons() -> None:
    trace = iso.simulate(FIRST, X)
    axes = plot.spike_times(trace, [NAMES[1]])
    times = trace.times(NAMES[1]).flatten()
    heights = torch.tensor([bar.get_height() for bar in axes.patches])
    window = float(trace.stage(NAMES[1]).end - trace.stage(NAMES[1]).begin)
    counts = torch.histc(times[times.isfinite()] / window, 60, 0, 1)
    assert torch.allclose(heights / heights.max(), (counts / counts.max()).to(heights.dtype))
    assert f"{1 - times.isfinite().double().mean():.0%} silent" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("simulator", (iso.EventDriven(), iso.ClosedForm()), ids=lambda s: s.name)
def test_membranes_cross_their_thresholds_when_the_simulated_neurons_fire(simulator: iso.simulate.__class__) -> None:
    trace = iso.simulate(FIRST, X, simulator)
    for name in NAMES[:-1]:
        times = trace.times(name)[5]
        for path, time in zip(
            membrane(FIRST, X[5:6], name, [(i,) for i in range(len(times))]), times.tolist(), strict=True
        ):
            assert path.spike == (pytest.approx(time, abs=1e-9) if np.isfinite(time) else None)
            assert path.spike is None or path.at_spike == pytest.approx(path.threshold, abs=1e-9)


def test_membranes_of_steps_are_those_of_the_plain_loop() -> None:
    trains = StepByStep().trace(STEPS, X[:1]).trains
    for name in NAMES[:-1]:
        stage = next(one for one in STEPS.stages if one.name == name)
        for i, path in enumerate(membrane(STEPS, X[:1], name, [(i,) for i in range(stage.shape[0])])):
            sent = trains[name][:, 0, i].double()
            assert path.spikes.tolist() == (sent.nonzero()[:, 0] + 1).tolist()
            drive = path.potentials.diff() + sent * path.threshold  # soft reset: what is left is what came in
            if name == NAMES[0]:  # driven by a constant current
                assert torch.allclose(drive, drive[:1].expand(16), atol=1e-12)


def test_windows_are_where_they_are() -> None:
    bars = plot.windows(FIRST).patches
    assert [bar.get_x() for bar in bars] == [0.0, *(float(stage.begin) for stage in FIRST.stages[:-1])]
    assert [bar.get_x() + bar.get_width() for bar in bars[1:]] == pytest.approx(
        [float(stage.end) for stage in FIRST.stages[:-1]]
    )


def test_curves_show_their_figures() -> None:
    moments = iso.curve(STEPS, [(X, model()(X).argmax(1))], model())
    axes = plot.curve(moments)
    x, y = axes.lines[0].get_data()
    assert list(x) == [1, 2, 4, 8, 16] and list(y) == [
        100 * one.accuracy for one in moments if one.accuracy is not None
    ]
    assert axes.lines[1].get_ydata()[0] == 100  # the original is right by definition
    both = plot.curve({"a": moments, "b": moments[:2]}, "relative_error")
    assert list(both.lines[1].get_ydata()) == [one.relative_error for one in moments[:2]]
    assert [text.get_text() for text in both.get_legend().get_texts()] == ["a", "b"]


def test_a_diagnosis_has_a_bar_for_each_mechanism() -> None:
    found = iso.diagnose(STEPS, X)
    heights = [bar.get_height() for bar in plot.diagnosis(found).patches]
    assert heights == pytest.approx(
        [100 * getattr(one, key) / one.scale for key in ("clipping", "resolution", "order") for one in found]
    )


def test_the_frontier_is_what_no_cheaper_row_surpasses() -> None:
    assert [(one.coding, one.energy_nj) for one in frontier(ROWS)] == [("a", 1), ("d", 1.2), ("a", 5), ("c", 7)]
    for one in ROWS:  # by definition
        better = any(other.agreement >= one.agreement and other.energy_nj < one.energy_nj for other in ROWS)
        assert (one in frontier(ROWS)) == (not better)
    axes = plot.pareto(ROWS)
    texts = [text for text in axes.texts if text.get_text()]
    assert {text.get_text() for text in texts} == {"a, T = 4", "d, T = 4", "c"}
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_sensitivity_shows_means() -> None:
    lines = [bars.lines[0].get_ydata() for bars in plot.sensitivity(LEVELS, ACCURACIES).containers]
    assert [list(line) for line in lines] == [pytest.approx([85, 60]), pytest.approx([40, 30])]


def test_a_pattern_has_a_mark_for_each_spike() -> None:
    axes = plot.pattern(torch.eye(70))
    assert sorted(map(tuple, np.asarray(axes.collections[0].get_offsets()))) == [(i, i) for i in range(70)]
    assert np.array_equal(plot.pattern(torch.eye(5)[:3]).images[0].get_array(), np.eye(5)[:3].T)


@pytest.mark.parametrize(
    ("draw", "error", "said"),
    (
        (lambda: plot.raster(iso.simulate(FIRST, X), 20), InvalidSetting, "0 to 19"),
        (lambda: plot.raster(iso.simulate(FIRST, X), 0, ["none"]), InvalidSetting, "none"),
        (lambda: plot.windows(STEPS), InvalidSetting, "16 steps has no windows"),
        (lambda: plot.membrane(FIRST, X[:1], "none", [(0,)]), InvalidSetting, "no stage `none`"),
        (lambda: plot.membrane(FIRST, X[:1], NAMES[0], [(12,)]), InvalidSetting, r"no neuron \(12,\)"),
        (lambda: plot.pattern(torch.zeros(3, 4, 5)), InvalidData, "steps, neurons"),
        (lambda: plot.raster(iso.simulate(ONE, X)), InvalidSetting, "no stage with spikes"),
        (lambda: plot.membrane(FALLING, X[:1], NAMES[0], [(0,)]), InvalidSetting, "threshold of stage .* falls"),
        (lambda: plot.readout(iso.simulate(FIRST, X), classes=["a"]), InvalidSetting, "1 names of 4 classes"),
        (lambda: plot.curve(iso.curve(STEPS, X), "acc"), InvalidSetting, "no acc to draw"),
        (lambda: plot.curve([]), InvalidSetting, "to draw"),
        (lambda: plot.pareto([row("a", 0, 1.0)]), InvalidSetting, "no row costs anything"),
    ),
)  # fmt: skip
def test_what_cannot_be_drawn(draw: Callable[[], object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        draw()


def test_the_command(tmp_path: Path) -> None:
    def call(*arguments: object) -> object:
        result = CliRunner().invoke(isospike_cli.app("plot"), list(map(str, arguments)), catch_exceptions=False)
        return result.output

    file = tmp_path / "n.safetensors"
    images: Tensor = torch.rand(4, 6)
    np.savez(tmp_path / "d.npz", images=images.numpy(), labels=np.arange(4))
    for network in (FIRST, STEPS):
        iso.save(network, file)
        for kind in ("png", "svg", "pdf"):
            call(file, "--data", tmp_path / "d.npz", "--sample", 3, "--out", tmp_path / f"r.{kind}")
            assert (tmp_path / f"r.{kind}").stat().st_size > 3000
    iso.save(ONE, file)  # nothing but a read-out
    call(file, "--data", tmp_path / "d.npz", "--out", tmp_path / "one.png")
    with pytest.raises(InvalidSetting, match=r"\.png, \.svg, \.pdf"):
        call(file, "--data", tmp_path / "d.npz", "--out", tmp_path / "r.doc")
    with pytest.raises(InvalidSetting, match="0 to 3"):
        call(file, "--data", tmp_path / "d.npz", "--sample", 4, "--out", tmp_path / "r.png")


def test_a_curve_shows_what_there_is() -> None:
    moments: list[Moment] = list(iso.curve(STEPS, X))
    assert list(plot.curve(moments).lines[0].get_ydata()) == [one.spikes_per_neuron for one in moments]
    targets = iso.curve(STEPS, [(X, model()(X).detach())], model())
    assert list(plot.curve(targets).lines[0].get_ydata()) == [one.rmse for one in targets]


def test_equal_names_have_bars_of_their_own() -> None:
    trace = iso.simulate(FIRST, X)
    bars = plot.readout(trace, classes=["a", "a", "b", "b"]).patches
    assert [bar.get_width() for bar in bars] == pytest.approx(trace.readout[0].tolist())


def test_a_histogram_of_steps_has_a_bin_for_each() -> None:
    trace = iso.simulate(iso.convert(model(), X, iso.Rate(steps=100), (0.0, 1.0)), X)
    heights = torch.tensor([bar.get_height() for bar in plot.spike_times(trace, [NAMES[0]]).patches]).double()
    times = trace.times(NAMES[0]).flatten()
    counts = torch.bincount(times[times.isfinite()].long(), minlength=100).double()
    assert torch.allclose(heights / heights.max(), counts / counts.max())
