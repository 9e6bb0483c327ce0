"""What a whole report needs beyond a check: disagreeing samples, accuracies under imperfections, a curve, a
diagnosis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from isospike.constraints import Constraint, SpikeJitter, TimeSteps, WeightBits, constrain
from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.errors import IsospikeError
from isospike.measure import measure
from isospike.report.case import Differing, Level
from isospike.simulate import Simulator

SHOWN = 12  # samples that are answered differently
SAMPLES = 200  # of each strength of an imperfection


@dataclass(frozen=True)
class Tried:
    """An imperfection: its unit, what makes it of a strength and a seed, the strengths, and how many trials differ."""

    unit: str
    made: Callable[[float, int], Constraint]
    strengths: tuple[float, ...]
    trials: int = 1


TRIED = {
    "spike jitter": Tried("SD, τ", lambda sd, seed: SpikeJitter(sd, seed), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3), 3),
    "ticks": Tried("a window", lambda ticks, _: TimeSteps(int(ticks)), (256, 64, 32, 16, 8, 4)),
    "weight precision": Tried("bits", lambda bits, _: WeightBits(int(bits)), (8, 6, 5, 4, 3, 2)),
}


def disagreeing(
    network: SpikingNetwork, original: Callable[[Tensor], Tensor], data: Data, simulator: Simulator
) -> list[Differing] | None:
    """The first samples that are answered differently; None where outputs are no decision between classes."""
    found: list[Differing] = []
    run = simulator.prepare(network)
    at = 0
    for x, _ in data.batches(64):
        theirs, ours = original(x.to(network.dtype)).cpu(), run(network.own(x)).cpu()
        if theirs.ndim != 2 or theirs.shape[1] < 2 or (data.labels is not None and data.labels.is_floating_point()):
            return None
        best = theirs.topk(2, 1).values
        for i in (ours.argmax(1) != theirs.argmax(1)).nonzero().flatten().tolist():
            lead = float(best[i, 0] - best[i, 1])
            found.append(Differing(at + i, x[i], int(ours[i].argmax()), int(theirs[i].argmax()), lead))
            if len(found) == SHOWN:
                return found
        at += len(x)
    return found


def imperfect(
    network: SpikingNetwork,
    data: Data,
    calibration: Sequence[Tensor],
    progress: Callable[[int], None] = lambda n: None,
) -> list[Level]:
    """Accuracies under one imperfection at a time, as far as the network takes it; nothing without class numbers."""
    if data.labels is None or data.labels.is_floating_point():
        return []
    few, levels = data.first(SAMPLES), list[Level]()
    own = [network.own(x) for x in calibration]
    for kind, tried in TRIED.items():
        for strength in tried.strengths:
            trials = []
            for seed in range(tried.trials):
                try:
                    figures = measure(constrain(network, [tried.made(strength, seed)], own), few.batches())
                except IsospikeError:
                    break  # rates have no spike times to disturb, and so on
                trials.append(float(str(figures["accuracy"])))
            if trials:
                levels.append(Level(kind, tried.unit, strength, tuple(trials)))
            progress(1)
    return levels


def tries() -> int:
    """How many strengths `imperfect` goes through."""
    return sum(len(tried.strengths) for tried in TRIED.values())
