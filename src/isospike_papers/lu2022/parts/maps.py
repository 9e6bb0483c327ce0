"""Feature maps of a convolutional network and of its spiking network, side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from isospike import SpikingNetwork, simulate
from isospike_papers.shared.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure


@dataclass(frozen=True)
class Maps:
    """Activations of one layer for some images, (batch, *shape), and what the spiking network's rates stand for."""

    name: str
    relu: Tensor
    spiking: Tensor

    @property
    def relative_error(self) -> float:
        """rms error over rms activation."""
        return float(
            (self.spiking - self.relu).square().mean().sqrt() / self.relu.square().mean().sqrt().clamp_min(1e-300)
        )

    @property
    def correlation(self) -> float:
        """ρ over all images and places."""
        return float(torch.corrcoef(torch.stack([self.spiking.flatten(), self.relu.flatten()])).nan_to_num(0.0)[0, 1])


def layers(subject: Subject, network: SpikingNetwork, x: Tensor) -> list[Maps]:
    """Rectifiers and max pools of a sequential network, in order."""
    assert isinstance(subject.model, nn.Sequential)
    codes = simulate(network, x).codes
    stages, found, counts = iter(network.stages), [], {"conv": 0, "pool": 0, "dense": 0}
    h = x
    with torch.no_grad():
        for module in subject.model:
            h = module(h)
            if isinstance(module, nn.ReLU | nn.MaxPool2d):
                stage = next(stages)
                kind = "pool" if isinstance(module, nn.MaxPool2d) else "conv" if h.ndim == 4 else "dense"
                counts[kind] += 1
                found.append(
                    Maps(f"{kind} {counts[kind]}", h.double(), stage.neuron.value(codes[stage.name]).double())
                )
    return found


def show_maps(figure: "SubFigure", x: Tensor, maps: list[Maps]) -> None:
    """The first image, if it is a digit, and of each layer of maps the channel that is most active: ReLU network
    above, spiking network below.  Photographs are not drawn: the page is published, and they may not be."""
    maps, digit = [m for m in maps if m.relu.ndim == 4], len(x[0]) == 1
    axes = figure.subplots(2, len(maps) + digit, squeeze=False)
    for row, label in enumerate(("ReLU", "spiking")):
        axes[row, 0].set_ylabel(label)
        if digit:
            axes[row, 0].imshow(x[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
        for column, found in enumerate(maps):
            channel = int(found.relu[0].mean((1, 2)).argmax())
            largest = float(found.relu[0, channel].max())
            axes[row, column + digit].imshow(
                (found.relu, found.spiking)[row][0, channel].numpy(), cmap="viridis", vmin=0, vmax=max(largest, 1e-9)
            )
            if not row:
                axes[0, column + digit].set_title(found.name, fontsize=8)
    for anchor, line in zip("SN", axes, strict=True):  # both rows side by side, whatever room there is
        for each in line:
            each.set(xticks=[], yticks=[], anchor=anchor)
