"""A spiking network as a PyTorch module."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isospike.network.body import Body, Stage
from isospike.network.fits import in_closed_form, over_time
from isospike.network.run import Perturb, run
from isospike.network.steps import walked


class SpikingNetwork(nn.Module):
    """A network of spiking neurons.  Its tensors are parameters by path, so `to`, `state_dict` and `parameters` work as usual.

    perturb: what the hardware it runs on does to each stage's code before it is handed on; not part of its file.
    """

    def __init__(self, body: Body, perturb: Perturb | None = None) -> None:
        super().__init__()
        self.perturb = perturb
        for path, tensor in body.tensors().items():
            self.register_parameter(path.replace(".", "/"), nn.Parameter(tensor.detach().clone(), requires_grad=False))
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
    def dtype(self) -> torch.dtype:
        """Precision of the parameters."""
        return next(self.parameters()).dtype

    @property
    def latency(self) -> float:
        """When the read-out answers [time]."""
        return float(self.stages[-1].end)

    def forward(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *output"]:
        """The read-out: in closed form, or after all time steps.  x: (batch, *input shape).  Raises `InvalidSetting` if it has neither."""
        body = self.body
        if body.steps:
            over_time(body, self.perturb)
            return walked(body, x, torch.Generator().manual_seed(0))
        in_closed_form(body, self.perturb)
        return run(body, body.encoder.encode(x), lambda stage, drive, _: stage.neuron.closed_form(drive), perturb=self.perturb)
