"""When neurons fire: a histogram a stage."""

import numpy as np
import torch

from isospike.report.case import Case, Section
from isospike.simulate import simulate
from isospike.web import Chart

SAMPLES, BINS = 64, 40


def times(case: Case) -> Section | None:
    """Spike times in their window, or rates where neurons fire often, over the first samples."""
    if case.network is None or case.data is None or not len(case.data):
        return None
    network, count = case.network, min(SAMPLES, len(case.data))
    with torch.no_grad():
        trace = simulate(network, network.own(case.data.take(torch.arange(count))))
    options, over_time = {}, bool(network.body.steps)
    for stage in network.stages[:-1]:
        if stage.neuron.relays or stage.name not in trace.codes:
            continue
        if over_time:
            values = stage.neuron.value(trace.codes[stage.name]).flatten().cpu().double().numpy()
            kept, axis = values, "rate [activation]"
        else:
            values = trace.times(stage.name).flatten().cpu().double().numpy()
            kept, axis = values[np.isfinite(values)], "time in the window [τ]"
        silent = float((values == 0).mean()) if over_time else 1 - len(kept) / max(len(values), 1)
        kept = kept[kept != 0] if over_time else kept
        if not len(kept):
            continue
        options[f"{stage.name}: {silent:.1%} silent"] = _option(kept, len(values), axis)
    if not options:
        return None
    what = "Activations that spike counts stand for" if over_time else "Times of spikes in their window"
    chart = Chart(f"{what}, a histogram a stage.", options, "stage", height=280)
    said = f"{what}, over {count} samples; a bar's height is its share of all neurons.  Silent ones are left out."
    return Section("Rates" if over_time else "Spike times", (said,), (chart,))


def _option(values: np.ndarray, whole: int, axis: str) -> dict[str, object]:
    middles, counts = np.unique(values.round(6), return_counts=True)
    if len(middles) > BINS:  # more than the ticks of a clock
        counts, edges = np.histogram(values, BINS)
        middles = (edges[1:] + edges[:-1]) / 2
    return {
        "xAxis": {"type": "category", "name": axis, "data": [f"{m:.3g}" for m in middles]},
        "yAxis": {"type": "value", "name": "share of neurons [%]", "nameGap": 44},
        "tooltip": {},
        "series": [
            {
                "type": "bar",
                "ink": 0,
                "barCategoryGap": "8%",
                "data": [round(100 * int(n) / whole, 6) for n in counts],
                "tip": "about {name}: {0} %",
            }
        ],
    }
