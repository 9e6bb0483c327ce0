"""What leaving early saves and what it costs, for several margins, from one pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.data import Samples
from isospike.engine import SpikingNetwork, Walk, spiking, together
from isospike.errors import InvalidData
from isospike.ir.typed import Seed, expect
from isospike.measure.inputs import inputs
from isospike.simulate.early_exit import lead, looks
from isospike.simulate.stepped import timed


@dataclass(frozen=True)
class Exit:
    """At one margin: mean steps until the answer, accuracy, and the share of answers that differ from those after all
    steps."""

    margin: float
    mean_steps: float
    accuracy: float | None
    changed: float


def early(
    network: SpikingNetwork,
    data: Samples,
    margins: Sequence[float],
    every: int = 4,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Exit]:
    """The margin rule of `EarlyExit` at several margins.  Raises `InvalidData` if there is no sample."""
    spiking(network, "early")
    expect("early", "margins", margins, Sequence[float])
    expect("early", "every", every, int)
    expect("early", "seed", seed, Seed)
    body = timed(network, None)
    generator = torch.Generator().manual_seed(seed)
    times = looks(body, every)
    steps: list[list[Tensor]] = [[] for _ in margins]
    answers: list[list[Tensor]] = [[] for _ in margins]
    finals: list[Tensor] = []
    truths: list[Tensor] = []
    with torch.no_grad():
        for x, labels in inputs(network, data):
            for part in network.own(x).split(together(body)):
                walk = Walk(body, part, generator)
                outs = torch.stack([walk.until(end) for end in times]).cpu()
                leads = torch.stack([lead(out, end) for out, end in zip(outs, times, strict=True)])
                said = outs.argmax(2)
                finals.append(said[-1])
                for k, margin in enumerate(margins):
                    first = torch.cat([leads[:-1] >= margin, torch.ones_like(leads[-1:]).bool()]).int().argmax(0)
                    steps[k].append(torch.tensor(times)[first].double())
                    answers[k].append(said.gather(0, first[None])[0])
            truths += [] if labels is None else [labels]
            if progress is not None:
                progress(len(x))
    if not finals:
        raise InvalidData("there is no sample to run.", "At least one.", "Pass some images of the test set.")
    final = torch.cat(finals)
    rows = []
    for k, margin in enumerate(margins):
        said = torch.cat(answers[k])
        accuracy = float((said == torch.cat(truths)).double().mean()) if truths else None
        rows.append(Exit(margin, float(torch.cat(steps[k]).mean()), accuracy, float((said != final).double().mean())))
    return rows
