"""Membranes of single neurons: one that fires early, one that fires late, one that stays silent."""

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.measure.membrane import Trajectory, membrane
from isospike.network import Stage
from isospike.report.case import Case, Section
from isospike.simulate import simulate
from isospike.web import Chart
from isospike.web.chart import line


def membranes(case: Case) -> Section | None:
    """A line a neuron against its threshold, a stage at a choice, of the first sample."""
    if case.network is None or case.data is None or not len(case.data):
        return None
    x = case.network.own(case.data.take(torch.arange(1)))
    trace = simulate(case.network, x)
    options = {}
    for stage in case.network.stages[:-1]:
        if stage.neuron.relays or stage.name not in trace.codes:
            continue
        chosen = _chosen(trace.times(stage.name)[0])
        try:
            paths = membrane(case.network, x, stage.name, list(chosen.values()))
        except InvalidSetting:
            continue  # its membranes are not straight between spikes
        options[stage.name] = _option(case, stage, dict(zip(chosen, paths, strict=True)), list(chosen.values()))
    if not options:
        return None
    chart = Chart("Membrane potentials of up to three neurons against their thresholds.", options, "stage", height=320)
    return Section(
        "Membranes",
        (
            "Potentials of three neurons of a stage for the first sample: of those that fire, the first and the last, "
            "and one that stays silent.  Dotted: the threshold.  Time counts from the beginning of the window.",
        ),
        (chart,),
    )


def _chosen(times: Tensor) -> dict[str, tuple[int, ...]]:
    """Places of the first that fires, the last, and the first that does not."""
    flat, found = times.flatten(), {}
    fires = flat.isfinite()
    if bool(fires.any()):
        found["early"] = int(torch.where(fires, flat, torch.inf).argmin())
        if int(fires.sum()) > 1:
            found["late"] = int(torch.where(fires, flat, -torch.inf).argmax())
    if bool((~fires).any()):
        found["silent"] = int((~fires).int().argmax())
    return {
        kind: tuple(int(i) for i in torch.unravel_index(torch.tensor(at), times.shape)) for kind, at in found.items()
    }


def _option(
    case: Case, stage: Stage, paths: dict[str, Trajectory], places: list[tuple[int, ...]]
) -> dict[str, object]:
    series = []
    for k, ((kind, path), place) in enumerate(zip(paths.items(), places, strict=True)):
        name = f"{kind}: neuron {', '.join(map(str, place))}"
        more: dict[str, object] = {"showSymbol": False, "tip": f"{name}: {{1}} at {{0}} {case.unit}"}
        if k == 0 or path.threshold != next(iter(paths.values())).threshold:
            label = {"show": k == 0, "formatter": "θ", "position": "end"}
            more["markLine"] = {"data": [{"yAxis": path.threshold}], "label": label}
        points = [
            {"coord": [float(t), path.threshold], "symbol": "circle", "symbolSize": 8} for t in path.spikes[:200]
        ]
        more["markPoint"] = {"data": points, "label": {"show": False}}
        series.append(line(name, path.times.tolist(), path.potentials.tolist(), k, **more))
    return {
        "xAxis": {"type": "value", "name": f"time [{'steps' if case.unit == 'step' else case.unit}]", "scale": True},
        "yAxis": {"type": "value", "name": "potential", "scale": True, "nameGap": 44},
        "legend": {},
        "tooltip": {"trigger": "item"},
        "series": series,
    }
