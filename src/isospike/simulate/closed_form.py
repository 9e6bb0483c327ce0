"""Closed form: every spike time solved for at once, a layer at a time."""

from dataclasses import dataclass

from isospike.network import Body, Step
from isospike.simulate.base import Simulator


@dataclass(frozen=True)
class ClosedForm(Simulator):
    """Solves each layer's spike times as one expression (Stanojevic 2023, eq. 2.30); the fast one."""

    def step(self, body: Body) -> Step:
        return lambda stage, drive, codes: stage.neuron.closed_form(drive)
