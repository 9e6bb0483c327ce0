"""Closed form: every spike time solved for at once, a layer at a time."""

from dataclasses import dataclass

from isospike.engine import SpikingNetwork, Step, in_closed_form
from isospike.network import Body
from isospike.simulate.base import OnePass


@dataclass(frozen=True)
class ClosedForm(OnePass):
    """Solves each layer's spike times as one expression (Stanojevic 2023, eq. 2.30); the fast one."""

    blocks = True

    def check(self, network: SpikingNetwork) -> None:
        in_closed_form(network.body, network.perturb)

    def step(self, body: Body) -> Step:
        return lambda stage, drive, codes: stage.neuron.closed_form(drive)
