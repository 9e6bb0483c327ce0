"""Trains the networks of appendix A.1, once for each configuration (Stanojevic 2023)."""

import hashlib
import json
from dataclasses import asdict, dataclass

import torch
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import nn

from isospike.data import Data
from isospike.experiments._training import cache, replace_file
from isospike.train.early import Early, EarlyAnswers

CONSTANTS = Early()


@dataclass(frozen=True)
class Plan:
    """How a single-spike network is trained: with its data and seed, the key of its weights."""

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
    clip: float = 1000.0

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:10]


def answering(plan: Plan, data: Data) -> EarlyAnswers:
    """The single-spike network, trained or from the cache."""
    trainee = EarlyAnswers(tuple(data.images[slice(0, 1)].shape[1:]), (plan.hidden, 10), settings=plan.constants, seed=plan.seed)
    done = cache() / f"early-{plan.data}-{plan.hidden}-{plan.key}.safetensors"
    if not done.exists():
        _train(plan, trainee, data)
        replace_file(done, lambda path: save_file(trainee.state_dict(), path))
    trainee.load_state_dict(load_file(done))
    return trainee.eval()


def _train(plan: Plan, trainee: EarlyAnswers, data: Data) -> None:
    optimizer = torch.optim.Adam(trainee.parameters(), lr=plan.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: plan.factor ** (step / plan.every))
    assert data.labels is not None
    images, labels = torch.cat(list(data)), data.labels
    generator = torch.Generator().manual_seed(plan.seed)
    trainee.train()
    for epoch in range(plan.epochs):
        order = torch.randperm(len(images), generator=generator).split(plan.batch)
        for part in track(order, f"{plan.data}, {plan.hidden}: epoch {epoch + 1} of {plan.epochs}", transient=True):
            optimizer.zero_grad()
            trainee.loss(images[part], labels[part]).backward()
            nn.utils.clip_grad_value_(trainee.parameters(), plan.clip)
            optimizer.step()
            schedule.step()
