"""Methods of the literature by name: each is a rate coding with the settings its authors give.

Those marked "trained" need a network whose rectifiers were trained for it (`isospike.activations`): they take its
clips as ranges."""

import math
from dataclasses import MISSING, fields, is_dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from isospike.codings.base import Coding
from isospike.codings.calibrate import Calibrate
from isospike.codings.normalise import Bounds, ModelBased, Percentile, SpikeNorm, Unscaled
from isospike.codings.rate import Rate
from isospike.codings.ttfs import TTFS
from isospike.encoders import Poisson, RegularSpikes
from isospike.neurons import IF, LIF, SignedIF, TernaryIF
from isospike.shown import html, text


class Methods(dict[str, Coding]):
    """Codings by name, shown with those of their settings that are not usual."""

    def __repr__(self) -> str:
        return text(self._rows())

    def _repr_html_(self) -> str:
        return html(self._rows())

    def _rows(self) -> list[dict[str, str]]:
        return [{"name": name, "coding": changed(coding)} for name, coding in self.items()]


def changed(value: Any) -> str:
    """A class and those of its settings that are not what they are by default."""
    match value:
        case Tensor():
            return f"{float(value):g}"
        case partial():
            return f"{value.func.__name__}({', '.join(f'{key}={one}' for key, one in value.keywords.items())})"
        case type():
            return value.__name__
    if not is_dataclass(value):
        return repr(value)
    told = {f.name: changed(getattr(value, f.name)) for f in fields(value)}
    usual = {
        f.name: changed(f.default if f.default_factory is MISSING else f.default_factory()) for f in fields(value)
    }
    settings = [f"{name}={one}" for name, one in told.items() if one != usual[name]]
    return f"{type(value).__name__}({', '.join(settings)})"


METHODS = Methods(
    {
        "ttfs": TTFS(),
        "diehl2015-model": Rate(neuron=IF(reset="zero"), normalise=ModelBased(), initial=0.0, encoder=Poisson),
        "diehl2015-data": Rate(
            neuron=IF(reset="zero"), normalise=Percentile(100, "layer"), initial=0.0, encoder=Poisson
        ),
        "rueckauer2017": Rate(normalise=Percentile(99.9, "layer"), initial=0.0),
        "kim2020": Rate(normalise=Percentile(100, "channel"), initial=0.0),
        "sengupta2019": Rate(neuron=IF(reset="zero"), normalise=SpikeNorm(), initial=0.0),
        "han2020": Rate(normalise=SpikeNorm(), initial=0.0),
        "li2021": Rate(normalise=Percentile(99.9, "channel"), correction=Calibrate()),
        "lu2022": Rate(  # 2 s in steps of 10 ms, inputs from 0 to 10 Hz; weights as they are, V_th = C = 1, no leak
            steps=200,
            neuron=LIF(conductance=torch.zeros((), dtype=torch.float64)),
            normalise=Unscaled(10.0),
            initial=0.0,
            encoder=partial(RegularSpikes, rate=0.1),
            pool="window",
        ),
        "ding2021": Rate(normalise=Bounds(), initial=0.5),  # trained: rate norm layer
        "yan2021": Rate(normalise=Bounds(), initial=0.0),  # trained: clamp and quantise
        "bu2022": Rate(normalise=Bounds(), initial=0.5),  # trained: quantised clip-floor-shift
        "yu2022-ter": Rate(neuron=TernaryIF(level=1.0), normalise=Percentile(100, "layer")),
        "yu2022-aug": Rate(neuron=TernaryIF(level=1.0, most=math.inf), normalise=Percentile(100, "layer")),
        "han2023": Rate(neuron=TernaryIF(level=1.0), normalise=Bounds()),  # trained: stReLU
        "ternary": Rate(neuron=TernaryIF()),
        "rate": Rate(),
        "regular": Rate(encoder=partial(RegularSpikes, rate=1.0)),
        "leaky": Rate(
            neuron=LIF(),
            normalise=Percentile(100, "layer"),
            initial=0.0,
            encoder=partial(RegularSpikes, rate=1.0),
            pool="window",
        ),
        "signed": Rate(neuron=SignedIF()),
        "signed-integer": Rate(neuron=SignedIF(most=math.inf)),
    }
)
