"""Every spike of a few samples, through all layers."""

from typing import Any

import numpy as np
import torch

from isospike.neurons import NearestPattern
from isospike.report.case import Case, Section
from isospike.simulate import Trace, simulate
from isospike.web import Chart, packed

SAMPLES = 6
NEURONS = 400  # of a stage at most; evenly chosen of more
FEW = 200  # spikes of a stage that are drawn larger
GAP = 0.08  # of a band's height, between stages
# Name, begin, end; of each spike: when, its neuron's number, how high in the band it lies
Band = tuple[str, float, float, np.ndarray, np.ndarray, np.ndarray]


def spikes(case: Case) -> Section | None:
    """A raster a sample: a band a stage, a point a spike; it zooms."""
    if case.network is None or case.data is None:
        return None
    count = min(SAMPLES, len(case.data))
    x = case.data.take(torch.arange(count))
    trace = simulate(case.network, case.network.own(x))
    options = {_named(case, i, trace): _option(case, trace, x, i) for i in range(count)}
    chart = Chart(
        "A raster of spikes: time to the right, a band a stage, in their order.",
        options,
        "sample",
        height=max(460, 100 + 30 * len(trace.network.stages)),
    )
    said = (
        "A point is a spike, placed by its time and its neuron; drag or scroll to look closer.  Of stages with more "
        f"than {NEURONS} neurons, {NEURONS} evenly chosen ones are shown."
    )
    if not case.network.body.steps:
        said += "  Shaded: the stage's window.  Neurons without a point stayed silent."
    return Section("Spikes", (said,), (chart,))


def _named(case: Case, i: int, trace: Trace) -> str:
    data, out = case.data, trace.readout[i]
    truth = ""
    if data is not None and data.labels is not None and not data.labels.is_floating_point():
        truth = f", of class {case.named(int(data.labels[i]))}"
    said = f", answered {case.named(int(out.argmax()))}" if out.ndim == 1 and len(out) > 1 else ""
    return f"{i}{truth}{said}"


def _option(case: Case, trace: Trace, x: torch.Tensor, i: int) -> dict[str, Any]:
    network = trace.network
    stages = [stage for stage in network.stages[:-1] if stage.name in trace.codes]
    bands: list[Band] = []
    if (first := _input(case, x, i)) is not None:
        bands.append(first)
    for stage in stages:
        if network.body.steps:
            bands.append(_train(stage.name, trace.trains[stage.name][:, i]))
            continue
        times = trace.times(stage.name)[i].flatten().cpu()
        (neuron,) = times.isfinite().nonzero(as_tuple=True)
        begin, when = float(stage.begin), float(stage.begin) + times[neuron].numpy()
        bands.append((stage.name, begin, float(stage.end), when, *_some(neuron.numpy(), len(times))))
    read = network.stages[-1]
    if isinstance(read.neuron, NearestPattern):
        answer = int(trace.readout[i].argmax())
        bands.append(_train("output, above 0.5", trace.trains[read.name][:, i] > 0.5))
        bands.append(_train(f"target of {case.named(answer)}", read.neuron.targets[answer]))
    series: list[dict[str, Any]] = []
    for k, (name, begin, end, when, numbers, height) in enumerate(bands):
        kept = height >= 0
        area = [{"xAxis": begin, "yAxis": k + GAP, "name": name}, {"xAxis": end, "yAxis": k + 1 - GAP}]
        series.append(
            {
                "type": "scatter",
                "name": name,
                "symbolSize": 3 if len(when) > FEW else 6,
                "large": False,
                "ink": 0 if k % 2 else 2,
                "data": packed([when[kept], k + GAP + height[kept] * (1 - 2 * GAP), numbers[kept]]),
                "tip": f"{name}, neuron {{2}}: {'step {0}' if network.body.steps else 'at {0} τ'}",
                "markArea": {
                    "data": [area],
                    "label": {"position": "left", "fontSize": 11},
                    "itemStyle": {"opacity": 0.25},
                },
            }
        )
    unit = "time step" if network.body.steps else "time [τ]"
    latest = max(end for _, _, end, *_ in bands)
    return {
        "xAxis": {"type": "value", "name": unit, "min": 0, "max": latest, "axisLabel": {"showMaxLabel": False}},
        "yAxis": {
            "type": "value",
            "inverse": True,
            "min": 0,
            "max": len(bands),
            "interval": 1,
            "axisLabel": {"show": False},
            "axisTick": {"show": False},
        },
        "tooltip": {"trigger": "item"},
        "grid": {
            "left": 20 + 7 * max(len(name) for name, begin, *_ in bands if begin < 0.2 * latest),
            "top": 12,
            "bottom": 70,
        },
        "dataZoom": [
            {"type": "inside", "xAxisIndex": 0},
            {"type": "inside", "yAxisIndex": 0, "zoomOnMouseWheel": "shift"},
            {
                "type": "slider",
                "xAxisIndex": 0,
                "height": 16,
                "bottom": 8,
                "brushSelect": False,
                "showDataShadow": False,
            },
        ],
        "series": series,
    }


def _input(case: Case, x: torch.Tensor, i: int) -> Band | None:
    """The input neurons' spikes: times of first spikes, or the train where one is sent."""
    assert case.network is not None
    body, own = case.network.body, case.network.own(x[i : i + 1])
    if body.encoder.constant:
        return None  # a current is no spike
    if not body.steps:
        code = body.encoder.encode(own)[0].flatten().cpu()
        (neuron,) = (code > 0).nonzero(as_tuple=True)
        end = float(body.encoder.end)
        return "input", 0.0, end, end - code[neuron].numpy(), *_some(neuron.numpy(), len(code))
    drive = body.encoder.drive(own)
    return _train("input", body.encoder.train(drive, 0, body.steps, torch.Generator().manual_seed(0))[:, 0])


def _train(name: str, train: torch.Tensor) -> Band:
    """The band of a train of spikes, (steps, *shape)."""
    at, neuron = (train.flatten(1).cpu() != 0).nonzero(as_tuple=True)
    return name, 0.0, float(len(train)), at.numpy() + 1.0, *_some(neuron.numpy(), train[0].numel())


def _some(neuron: np.ndarray, neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of neurons, and how high in the band each lies, from 0 to 1; −1 if it is not among those shown."""
    kept = np.unique(np.linspace(0, neurons - 1, min(neurons, NEURONS)).round().astype(int))
    place = np.full(neurons, -1.0)
    place[kept] = (np.arange(len(kept)) + 0.5) / len(kept)
    return neuron, place[neuron]
