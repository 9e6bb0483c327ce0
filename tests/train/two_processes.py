"""What tests/train/test_processes.py runs in two processes, and in one: trainings whose curves and weights are
compared.

    python two_processes.py FOLDER DEVICES [NAME …] [--resume] [--end KILL|STOP PROCESS STEP]
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isospike import convert
from isospike.constraints import SpikeJitter, TimeSteps
from isospike.data import Data, loader
from isospike.encoders import ECTE
from isospike.errors import IsospikeError
from isospike.train import Classifier, OverTime, Sparsity, SpikeTimes, fit, read_curve, units

EPOCHS, CLASSES = 3, 3
WAIT = 4  # seconds that one waits for another that was stopped
X = torch.rand(46, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = X.flatten(1)[:, :CLASSES].argmax(1)
DATA = Data("made", X, Y)


def relu() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, CLASSES)).double()


def spike_times(*constraints: Any, **more: Any) -> SpikeTimes:
    return SpikeTimes(convert(relu(), X, input_range=(0.0, 1.0)).double(), constraints, growth=1.2, **more)


def over_time() -> OverTime:
    encoder = ECTE(levels=3, steps=12, neighbours=2, spikes=1, segment=3, background=1.0).fit(DATA)
    return OverTime(units(encoder, [10], CLASSES, outputs=2, steps=12, seed=0))


class Witness(Classifier):
    """Writes down what it is trained on, and draws at random."""

    def __init__(self) -> None:
        super().__init__(relu())
        self.own, self.rows = torch.Generator(), list[Tensor]()

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        draws = torch.stack([torch.rand(()), torch.rand((), generator=self.own)]).expand(len(x), 2)
        self.rows.append(torch.cat([torch.full((len(x), 1), len(self.rows)), draws, x.flatten(1)], 1))
        return super().loss(x, y)

    def generators(self) -> list[torch.Generator]:
        return [self.own]


def batches(size: int, **more: Any) -> Any:
    return loader(DATA, size, dtype=torch.float64, **more)


class Spare(Classifier):
    """Has a parameter that no loss uses."""

    def __init__(self) -> None:
        super().__init__(relu())
        self.spare = nn.Parameter(torch.ones(2, dtype=torch.float64))


TRAININGS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "spike times": (spike_times, lambda: batches(8)),  # of 46 samples the last batch has six
    "one left": (spike_times, lambda: batches(9)),  # and here one, for two processes
    "uneven": (lambda: spike_times(TimeSteps(32)), lambda: batches(7, shift=1, flip=True)),
    "target of spikes": (lambda: spike_times(sparsity=Sparsity(0.1, 0.2)), lambda: batches(7)),
    "in their order": (spike_times, lambda: [(X[:5], Y[:5]), (X[5:], Y[5:])]),
    "a module": (lambda: Classifier(relu(), Sparsity(0.1, 0.3)), lambda: batches(7)),
    "units": (over_time, lambda: loader(DATA, 7)),
    "jitter": (lambda: spike_times(SpikeJitter(0.05)), lambda: batches(8)),
    "witness": (Witness, lambda: batches(7)),
}
REFUSED = {"spare": (Spare, lambda: batches(8))}


def trained(name: str, folder: Path, devices: int, **more: Any) -> dict[str, Tensor]:
    trainee, data = (make() for make in (TRAININGS | REFUSED)[name])
    fit(
        trainee,
        data,
        EPOCHS,
        optimizer=lambda p: torch.optim.Adam(p, lr=1e-2),
        clip=1.0,
        decay=0.9,
        held_out=[(X, Y)],
        folder=folder / name,
        devices=devices,
        quiet=True,
        **more,
    )
    state = {key: value.detach().clone() for key, value in trainee.state_dict().items()}
    return state | ({"seen": torch.cat(trainee.rows)} if isinstance(trainee, Witness) else {})


def ending(how: str, process: int, step: int) -> Callable[[float], None]:
    """Ends one process, or stops it, in a step."""
    steps: list[float] = []

    def watch(loss: float) -> None:
        steps.append(loss)
        if len(steps) == 1:  # they are together by now, and need not wait for each other's beginning
            torch.distributed.set_timeout(timedelta(seconds=WAIT))
        if torch.distributed.get_rank() == process and len(steps) == step:
            os.kill(os.getpid(), getattr(signal, f"SIG{how}"))

    return watch


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("devices", type=int)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--end", nargs=3)
    given = parser.parse_args()
    number = int(os.environ.get("LOCAL_RANK", 0))
    (given.folder / f"pid.{number}").write_text(str(os.getpid()))
    more = {"watch": ending(given.end[0], *map(int, given.end[1:]))} if given.end else {}
    for name in given.names or TRAININGS:
        try:
            found = trained(name, given.folder, given.devices, resume=given.resume, **more)
        except IsospikeError as error:
            sys.exit(f"{type(error).__name__}: {error}")
        torch.save({"state": found, "curve": read_curve(given.folder / name)}, given.folder / f"{name}.{number}.pt")
