"""Trains the networks of appendix A.1, once for each configuration (Stanojevic 2023)."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from isospike.data import Data, loader
from isospike.store import Store, write
from isospike.train import fit
from isospike.train.early import Early, EarlyAnswers

CONSTANTS = Early()


@dataclass(frozen=True)
class Plan:
    """How a single-spike network is trained: with its data and seed, what its weights are kept by."""

    data: str
    hidden: int
    epochs: int
    images: int
    rate: float
    every: int
    seed: int
    constants: Early = CONSTANTS
    batch: int = 64
    factor: float = 0.96


def answering(plan: Plan, data: Data) -> EarlyAnswers:
    """The single-spike network, trained or from the store; its learning rate falls by a factor every so many steps."""
    trainee = EarlyAnswers(
        tuple(data.images[slice(0, 1)].shape[1:]), (plan.hidden, 10), settings=plan.constants, seed=plan.seed
    )
    batches = loader(data, plan.batch)
    adam = partial(torch.optim.Adam, lr=plan.rate)

    decay = plan.factor ** (len(batches) / plan.every)

    def train(path: Path) -> None:
        fit(
            trainee, batches, plan.epochs, optimizer=adam, decay=decay, seed=plan.seed, folder=path.parent, resume=True
        )
        write(path, to_bytes(trainee.state_dict()))

    trainee.load_state_dict(
        load_file(Store().kept(f"early-{plan.data}-{plan.hidden}", plan, "weights.safetensors", train))
    )
    return trainee.eval()
