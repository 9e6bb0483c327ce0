"""A network trained with L-level rectifiers runs as a clocked first-spike network of L ticks a layer with no error.

LeNet-5 is trained with QCFS and mapped; beside it the ReLU network under a clock, before and after it was tuned, and
in integers. Source: the clocked form of Stanojevic 2023, ch. 2, and QCFS of Bu 2022."""

from functools import partial

import torch
from torch import nn

from isospike import ClosedForm, EventDriven, TimeSteps, WeightBits, constrain, convert, simulate
from isospike.activations import QCFS
from isospike.data import Data, loader
from isospike.engine import SpikingNetwork
from isospike.export import Integers
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value
from isospike.train import fit, prepare
from isospike_papers.shared.data import with_test_set
from isospike_papers.shared.recipe import TRAINS, Recipe, trained
from isospike_papers.stanojevic2023.parts.networks import lenet5

LEVELS = (2, 4, 8, 16)
ACCURACY, ORIGINAL, ERROR, EVENTS, LATENCY = (
    "accuracy [%]",
    "quantised network [%]",
    "error, closed form",
    "error, events",
    "latency [τ]",
)


class OnAClock(Claim):
    """First spikes on a clock: the quantised network with no error, and integers."""

    source = "Stanojevic 2023, ch. 2 on a clock; Bu 2022"
    paper = {"ReLU, ideal": {ACCURACY: 99.03}}  # LeNet-5 of Table 2.1, trained on all images
    options = {"samples": (64, None, None)} | TRAINS | {"training": (512, 12_000, None), "epochs": (1, 4, 20)}

    def measure(self, setup: Setup) -> Found:
        """Train one network for each number of levels."""
        split = with_test_set("mnist", setup.data_dir)
        images = split.train.first(setup.training)
        test = split.reported["test set"].first(setup.samples)
        x = torch.cat(list(test.first(500))).double()
        rows = []
        for levels in LEVELS:
            recipe = _recipe(f"lenet5-qcfs-{levels}-mnist-{len(images)}", setup)
            model = trained(recipe, partial(quantised, levels), lambda: images, setup.device).double()
            network = convert(model, images.first(500), input_range=(0.0, 1.0), dtype=torch.float64)
            expected = model(x)
            scale = float(expected.abs().max())
            closed = simulate(network, x, ClosedForm()).readout - expected
            events = simulate(network, x[:50], EventDriven()).readout - expected[:50]
            errors: dict[str, Value] = {
                ERROR: float(closed.abs().max()) / scale,
                EVENTS: float(events.abs().max()) / scale,
            }
            measured: dict[str, Value] = {
                ACCURACY: accuracy(network, test),
                ORIGINAL: accuracy(model, test),
                **errors,
                LATENCY: network.latency,
            }
            rows.append(Row(f"QCFS, {levels} levels: {levels} ticks a layer", measured))
        worst = max(abs(float(row.measured[key] or 0.0)) for row in rows for key in (ERROR, EVENTS))
        same = max(abs(float(row.measured[ACCURACY] or 0.0) - float(row.measured[ORIGINAL] or 0.0)) for row in rows)
        rows, differing = rows + (more := _tuned(setup, images, test, x))[0], more[1]
        return Found(
            rows=tuple(rows),
            held=(
                Held(
                    "the clocked network equals the quantised one in both simulators",
                    worst,
                    "error ≤ 1e-12 of the largest output",
                    worst <= 1e-12,
                ),
                Held("and answers alike on every image", same, "difference of accuracies 0", same == 0),
                Held(
                    "in integer arithmetic the tuned network sends the same spikes",
                    differing,
                    "0 neurons differ",
                    differing == 0,
                ),
            ),
            notes=(
                f"LeNet-5, trained on {len(images):,} images; accuracy over {len(test):,}, errors over {len(x)} "
                "images (events: 50), relative to the largest output, in double precision.  In single precision sums "
                "within rounding of a tick may fall on either side, in any program.",
                "Inputs come at any time for the QCFS networks, and on the clock for the tuned ones.",
            ),
        )


def _recipe(name: str, setup: Setup) -> Recipe:
    return Recipe(name, epochs=setup.epochs or 1, decay=0.7, shift=2, seed=setup.seed)


def _tuned(setup: Setup, images: Data, test: Data, x: torch.Tensor) -> tuple[list[Row], float]:
    """The ReLU network with 4 ticks and 4 bits, before and after two epochs of tuning, and as integers."""
    recipe = _recipe(f"lenet5-mnist-{len(images)}", setup)
    relu = trained(recipe, lenet5, lambda: images, setup.device)
    constraints = [TimeSteps(4), WeightBits(4)]
    network = convert(relu, images.first(500), input_range=(0.0, 1.0))
    calibration = list(images.first(512))
    before = constrain(network, constraints, calibration)
    adam = partial(torch.optim.Adam, lr=2e-4)
    after = fit(
        prepare(network, constraints, calibration),
        loader(images, 64, shift=1),
        2,
        optimizer=adam,
        decay=0.5,
        seed=setup.seed,
        quiet=True,
    )
    whole = Integers.of(after)
    differing = whole.differing(x)
    cases = {
        "ReLU, ideal": network,
        "4 ticks, 4 bits": before,
        "4 ticks, 4 bits, tuned": after,
        "the same in integers": whole.network.float(),
    }
    return [Row(case, {ACCURACY: accuracy(chip, test), LATENCY: chip.latency}) for case, chip in cases.items()], float(
        differing
    )


def quantised(levels: int) -> nn.Module:
    """LeNet-5 with trained staircases for rectifiers."""
    return nn.Sequential(*(QCFS(levels, 4.0) if isinstance(layer, nn.ReLU) else layer for layer in lenet5()))


@torch.no_grad()
def accuracy(model: nn.Module, data: Data) -> float:
    """Per cent of right answers."""
    dtype = next(p.dtype for p in model.parameters())
    assert isinstance(model, SpikingNetwork | nn.Sequential)
    return (
        100
        * sum(int((model(x.to(dtype)).argmax(1) == y).sum()) for x, y in data.batches() if y is not None)
        / len(data)
    )
