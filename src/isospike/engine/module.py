"""A spiking network as a PyTorch module, kept as a file and read from it."""

import math
from os import PathLike
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isospike.data.samples import fitting
from isospike.engine.fits import in_closed_form, over_time
from isospike.engine.once import Perturb, in_blocks
from isospike.engine.perturbation import perturbation
from isospike.engine.walk import walked
from isospike.errors import InvalidModel, InvalidSetting
from isospike.ir.typed import expect
from isospike.network.body import Body, Stage
from isospike.network.file import Readable, read, read_open, write
from isospike.neurons import SNU, NearestPattern
from isospike.neurons.base import Drive
from isospike.shown import html


class SpikingNetwork(nn.Module):
    """A network of spiking neurons.  Its tensors are parameters by path, so `to`, `state_dict` and `parameters` work
    as usual.

    body: copied, tensor by tensor.  dtype: precision of its real numbers, the body's unless given."""

    def __init__(self, body: Body, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        for path, tensor in body.tensors().items():
            own = tensor.detach().to(dtype if dtype and tensor.is_floating_point() else tensor.dtype, copy=True)
            self.register_parameter(path.replace(".", "/"), nn.Parameter(own, requires_grad=False))
        self._skeleton = body.map_tensors(lambda _, t: t.new_empty(0))

    @property
    def body(self) -> Body:
        """The network as a record over the current parameters."""
        return self._skeleton.map_tensors(lambda path, _: self.get_parameter(path.replace(".", "/")))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order, the last being the read-out."""
        return self.body.stages

    @property
    def perturb(self) -> Perturb | None:
        """What the hardware that it is on does to each stage's code before it is handed on, drawn from its seeds'
        beginning."""
        return perturbation(self.body.constraints)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the parameters."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def own(self, x: Tensor) -> Tensor:
        """A tensor in its precision, on its device."""
        return x.to(self.device, self.dtype)

    @property
    def latency(self) -> float:
        """When the read-out answers [time]."""
        return float(self.stages[-1].end)

    def __repr__(self) -> str:
        body = self.body
        kinds = dict.fromkeys(type(stage.neuron).__name__ for stage in body.stages[:-1])
        neurons = sum(math.prod(stage.shape) for stage in body.stages)
        when = f"T = {body.steps}" if body.steps else f"latency {self.latency:.4g}"
        return f"SpikingNetwork({', '.join(kinds)}; {len(body.stages)} stages, {neurons:,} neurons, {when})"

    def _repr_html_(self) -> str:
        stages = [
            {
                "stage": stage.name,
                "hears": ", ".join(group.source for group in stage.groups),
                "neuron": type(stage.neuron).__name__,
                "shape": " × ".join(map(str, stage.shape)),
                "neurons": math.prod(stage.shape),
                "begins": float(stage.begin),
                "ends": float(stage.end),
            }
            for stage in self.stages
        ]
        return html(stages, repr(self))

    def forward(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *output"]:
        """The read-out: in closed form, or after all time steps.  x: (batch, *input shape).  Raises `InvalidSetting`
        if it has neither."""
        body = self.body
        fitting(x, body.encoder.shape)
        perturb = perturbation(body.constraints)
        if body.steps:
            over_time(body, perturb)
            return walked(body, x, torch.Generator().manual_seed(0))
        in_closed_form(body, perturb)
        return in_blocks(body, body.encoder.encode(x), _closed_form, perturb)


def _closed_form(stage: Stage, drive: Drive, _: dict[str, Tensor]) -> Tensor:
    return stage.neuron.closed_form(drive)


def spiking(network: object, caller: str) -> None:
    """Raise `InvalidModel` unless this is a spiking network.  caller: the function that it was handed to."""
    if not isinstance(network, SpikingNetwork):
        what = f"{caller}: the network is a {type(network).__name__}."
        raise InvalidModel(
            what,
            "A SpikingNetwork, as convert and load return it.",
            "Convert the model first: convert(model, samples).",
        )


def of_units(network: SpikingNetwork, caller: str) -> Body:
    """What a network of units is made of.  Raises `InvalidSetting` for other neurons, those in whole numbers
    included."""
    spiking(network, caller)
    *hidden, read = network.stages
    if type(read.neuron) is not NearestPattern or any(type(stage.neuron) is not SNU for stage in hidden):
        kinds = ", ".join(sorted({type(stage.neuron).__name__ for stage in network.stages}))
        raise InvalidSetting(
            f"{caller}: a network of {kinds}.",
            "Networks of units, as train.units makes them: SNU, then NearestPattern.",
            "Networks of first spikes: train.prepare, export.Integers.",
        )
    return network.body


def save(network: SpikingNetwork, path: str | PathLike[str]) -> None:
    """Write a network, with the hardware that it is on and what is known of its inputs.  Raises `InvalidFile`, and
    leaves what was there."""
    spiking(network, "save")
    expect("save", "path", path, str | PathLike)
    write(network.body, Path(path))


def load(path: str | PathLike[str] | Readable) -> SpikingNetwork:
    """Read a network written by `save`: from its path, or from a file that is open in binary mode.  Nothing in it is
    run as code.  Raises `InvalidFile`."""
    expect("load", "path", path, str | PathLike | Readable)
    return SpikingNetwork(read_open(path) if isinstance(path, Readable) else read(Path(path)))
