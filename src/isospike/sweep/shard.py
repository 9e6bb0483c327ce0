"""One point of a study: plain data that a worker makes a row of figures from."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property, lru_cache
from importlib.metadata import version
from typing import Any

import torch

from isospike.codings import METHODS, Coding, Rate
from isospike.codings.methods import changed
from isospike.constraints import HARDWARE, Constraint, constrain
from isospike.convert import Conversion
from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidData, InvalidModel, InvalidSetting
from isospike.importers import model_of
from isospike.measure import Agreement, Meter, curve
from isospike.ranges import Ranges
from isospike.simulate import ClosedForm
from isospike.store import key
from isospike.sweep.content import Source, network_hash, samples_hash

Constraints = tuple[tuple[str, Any], ...]  # by name, in the order in which they act
_busy = threading.Lock()  # a process computes one shard at a time: what it caches is not made for several


@dataclass(frozen=True)
class Subject:
    """A network and its samples, by name and by content.

    | field              | meaning                                                |
    |--------------------|--------------------------------------------------------|
    | `network`          | a model by its name                                    |
    | `source`           | where samples lie                                      |
    | `calibration`      | how many training samples it is calibrated on          |
    | `network_hash`     | of the model                                           |
    | `calibration_hash` | of these samples                                       |
    """

    network: str
    source: Source
    calibration: int
    network_hash: str
    calibration_hash: str


@dataclass(frozen=True)
class Shard:
    """
    | field         | meaning                                                         |
    |---------------|-----------------------------------------------------------------|
    | `method`      | a name of `METHODS`                                             |
    | `steps`       | T; None for a method that answers once                          |
    | `constraints` | by name, in the order in which they act                         |
    | `seed`        | of constraints; with `begin`, of what the encoder draws         |
    | `begin`       | the first test sample                                           |
    | `end`         | the one after the last                                          |
    | `images_hash` | of these samples                                                |
    """

    subject: Subject
    method: str
    steps: int | None
    constraints: Constraints
    seed: int
    begin: int
    end: int
    images_hash: str

    @cached_property
    def name(self) -> str:
        """The hash of what it computes: contents and settings, and not where they lie."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("subject", "method")}
        contents = (self.subject.network_hash, self.subject.calibration_hash, _settings(self.method))
        return key({"isospike": _version(), "contents": contents, **own})

    def told(self) -> dict[str, Any]:
        """Its place in the study, as columns of a table."""
        return {
            "network": self.subject.network,
            "method": self.method,
            "steps": self.steps,
            "constraints": " ".join(f"{name}={value}" for name, value in self.constraints) or None,
            "seed": self.seed,
            "begin": self.begin,
            "end": self.end,
        }


@cache
def _settings(method: str) -> str:
    return changed(METHODS[method])


@cache
def _version() -> str:
    return version("isospike")  # reads files, and a grid has many shards


def run(shard: Shard) -> dict[str, Any]:
    """The figures of a shard, by name: a function of the shard alone, computed on one thread so that it is the same
    wherever it is computed.  Raises `InvalidData` and `InvalidModel` where contents are not those of the study, and
    what converting and simulating raise."""
    with _busy, one_thread():
        seed = shard.seed if shard.constraints else 0  # without constraints a network draws nothing
        network, conversion = _network(replace(shard, seed=seed, begin=0, end=0, images_hash=""))
        data = shard.subject.source.images(shard.begin, shard.end, shard.images_hash)
        _same(samples_hash(data), shard.images_hash, f"images {shard.begin} to {shard.end}", shard)
        return figures(network, conversion, data, drawn(shard.seed, shard.begin))


def timed(method: str, steps: int | None) -> Coding:
    """A method's coding, for T steps where it has any."""
    coding = METHODS[method]
    return replace(coding, steps=steps) if isinstance(coding, Rate) and steps is not None else coding


def drawn(seed: int, begin: int) -> int:
    """The seed of what an encoder draws for a range of images: another one for each range, which would otherwise share
    their draws."""
    return int.from_bytes(hashlib.sha256(f"{seed} {begin}".encode()).digest()[:6], "big")


def made(constraints: Constraints, seed: int) -> list[Constraint]:
    """The constraints as objects that draw from a seed.  Raises `InvalidSetting` for values that they refuse."""
    found: list[Constraint] = []
    for name, value in constraints:
        kind: Any = HARDWARE[name][0]
        draws = any(one.name == "seed" for one in fields(kind))
        try:
            found.append(kind(value, seed=seed) if draws else kind(value))
        except InvalidSetting as error:
            what = f"constraint {name} = {value!r} is refused: {error.what}"
            raise InvalidSetting(what, error.supported, error.remedy) from error
    return found


@lru_cache(maxsize=2)
def _conversion(subject: Subject) -> Conversion:
    train = subject.source.calibration(subject.calibration, subject.calibration_hash)
    if network_hash(subject.network) != subject.network_hash:
        what = f"`{subject.network}` is another network here than where the study was begun."
        remedy = "Bring the machines to one state; code that draws weights has to seed them."
        raise InvalidModel(what, "The same file, or the same code and weights.", remedy)
    if samples_hash(train) != subject.calibration_hash:
        raise _other(f"the first {subject.calibration} training samples", subject)
    return Conversion(model_of(subject.network), train)


@lru_cache(maxsize=4)
def _ranges(subject: Subject, method: str) -> Ranges:
    """What a method measures on the calibration samples, whatever T is."""
    return _conversion(subject).ranges(METHODS[method])


@lru_cache(maxsize=4)
def _network(shard: Shard) -> tuple[SpikingNetwork, Conversion]:
    """The network of a shard, which those that follow it share if they differ in their images only."""
    conversion, coding = _conversion(shard.subject), timed(shard.method, shard.steps)
    network = conversion.network(coding, torch.float32, _ranges(shard.subject, shard.method))
    constraints = made(shard.constraints, shard.seed)
    return constrain(network, constraints, conversion.batches) if constraints else network, conversion


def figures(network: SpikingNetwork, conversion: Conversion, data: Data, seed: int) -> dict[str, Any]:
    """The figures of a network on samples, by name."""
    oracle, found = conversion.original(torch.float32), {}
    if network.body.steps:
        (moment,) = curve(network, data, oracle, (network.body.steps,), seed)
        found = {name: value for name, value in moment.as_dict().items() if name not in ("steps", "rmse", "r2")}
    else:
        meter, agreement, simulate = Meter.of(network), Agreement(), ClosedForm().prepare(network)
        for x, labels in data.batches():
            meter.input(own := network.own(x))
            agreement.add(simulate(own, meter.watch), oracle(x.to(network.dtype)), labels)
        compared = ("accuracy", "accuracy_original", "agreement", "relative_error", "max_abs_error")
        found = {name: getattr(agreement, name) for name in compared}
        found |= {name: value for name, value in meter.figures().items() if name in COUNTED}
    return {"samples": len(data), **{name: found.get(name) for name in FIGURES}}


COUNTED = (
    "spikes_per_neuron",
    "active_fraction",
    "synaptic_operations",
    "macs",
    "energy_ratio",
    "energy_spiking_nj",
    "energy_original_nj",
)
FIGURES = ("accuracy", "accuracy_original", "agreement", "relative_error", "max_abs_error", *COUNTED)


def _same(found: str, wanted: str, what: str, shard: Shard) -> None:
    if found != wanted:
        raise _other(what, shard.subject)


def _other(what: str, subject: Subject) -> InvalidData:
    return InvalidData(
        f"{what} of `{subject.source.name}` are others here than where the study was begun.",
        "The same samples on every machine.",
        "Bring the machines to one state, or name the folder: data_dir.",
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
