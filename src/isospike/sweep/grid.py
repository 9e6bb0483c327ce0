"""A study: what is varied, and the points of its grid in their order."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

from isospike.codings import METHODS, Rate
from isospike.constraints import HARDWARE, Constraint
from isospike.errors import InvalidFile, InvalidSetting
from isospike.ir.typed import Count, Seed, expect, typed
from isospike.sweep.content import Named, network_hash, samples_hash
from isospike.sweep.shard import Constraints, Shard, Subject, made

# What a file may set a field to, in TOML's words, and how that looks
WRITTEN = {
    "networks": ("a list of names, each a text", '["isospike.zoo:lenet5"]'),
    "data": ("a name, a text", '"mnist"'),
    "methods": ("a list of names, each a text", '["ttfs", "rate"]'),
    "images": ("a list of pairs of whole numbers from 0 on", "[[0, 500], [500, 1000]]"),
    "steps": ("a list of whole numbers from 1 on", "[8, 16]"),
    "constraints": ("a list of tables, {} for none", "[{}, {weight_bits = 4}]"),
    "seeds": ("a list of whole numbers", "[0, 1]"),
    "calibration": ("a whole number from 1 on", "1000"),
    "data_dir": ("a folder, a text", '"/data"'),
    "mean": ("a list of numbers, one a channel", "[0.5]"),
    "std": ("a list of numbers, one a channel", "[0.25]"),
    "size": ("a whole number of pixels", "224"),
}


@dataclass(frozen=True)
class Study:
    """Networks × methods × T × constraints × seeds × image ranges, in this order.

    | field         | meaning                                                                                     |
    |---------------|---------------------------------------------------------------------------------------------|
    | `networks`    | models by name: an .onnx or .pt2 file, package.module:factory, file.py:factory              |
    | `data`        | samples by name: mnist, mnist-sample, an image folder, an .npz or .csv file                 |
    | `methods`     | names of `METHODS`                                                                          |
    | `images`      | ranges (begin, end) of test samples, the end excluded                                       |
    | `steps`       | T of the methods that fire step by step; their own unless given                             |
    | `constraints` | sets of constraints by name: {}, {"weight_bits": 4}                                         |
    | `seeds`       | of constraints and encoders that draw                                                       |
    | `calibration` | how many training samples, from the first, networks are calibrated on; all where fewer      |
    | `data_dir`    | where torchvision's data sets are; else $ISOSPIKE_DATA of whoever computes                  |
    | `mean`, `std` | subtracted and divided by, a number a channel, of pixels scaled to [0, 1]                   |
    | `size`        | resize and crop a folder's images to this size                                              |
    """

    networks: tuple[str, ...]
    data: str
    methods: tuple[str, ...]
    images: tuple[tuple[Count, Count], ...]
    steps: tuple[Count, ...] = ()
    constraints: tuple[Mapping[str, Any], ...] = field(default_factory=lambda: ({},))
    seeds: tuple[Seed, ...] = (0,)
    calibration: Count = 1000
    data_dir: str | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: int | None = None

    def __post_init__(self) -> None:
        typed(self)
        for name in ("networks", "methods", "images", "constraints", "seeds"):
            if not getattr(self, name):
                raise InvalidSetting(f"the study has no {name}.", "One or more.", f"Name some: {name} = […].")
        if self.steps and min(self.steps) < 1:
            raise InvalidSetting(f"steps = {list(self.steps)}.", "Whole numbers from 1 on.", "Take the others out.")
        if not self.calibration:
            raise InvalidSetting("calibration = 0.", "One training sample or more.", "Write: calibration = 200.")
        for name in ("networks", "methods", "images", "steps", "constraints", "seeds"):
            given = [repr(one) for one in getattr(self, name)]
            if twice := [one for at, one in enumerate(given) if one in given[:at]]:
                what = f"{name} has {twice[0]} twice."
                raise InvalidSetting(what, "Each once: a shard is computed once.", "Take one of them out.")
        if empty := [pair for pair in self.images if pair[0] >= pair[1]]:
            what = f"images from {empty[0][0]} to {empty[0][1]} are none."
            raise InvalidSetting(what, "Ranges [begin, end], the end excluded.", "Write: images = [[0, 100]].")
        for name in self.methods:
            if name not in METHODS:
                known = f"Known: {', '.join(METHODS)}."
                raise InvalidSetting(f"method `{name}` is not known.", known, "Choose some of these: methods = […].")
        for hardware in self.constraints:
            self._fit(made(_ordered(hardware), 0))

    def _fit(self, constraints: Sequence[Constraint]) -> None:
        """Raise `InvalidSetting` where a method's networks do not know a constraint."""
        for name, constraint in product(self.methods, constraints):
            if isinstance(METHODS[name], Rate) and not constraint.stepwise:
                what = f"{type(constraint).__name__} has no meaning for `{name}`, which fires step by step."
                supported = f"For it: {', '.join(key for key, (kind, _) in HARDWARE.items() if kind.stepwise)}."
                raise InvalidSetting(what, supported, "Make two studies, one of the methods of first spikes.")

    @classmethod
    def read(cls, path: str | Path) -> "Study":
        """A study from a TOML file, whose keys are the fields.  Raises `InvalidFile`, `InvalidSetting`."""
        needed = ", ".join(one.name for one in fields(cls) if MISSING is one.default is one.default_factory)
        try:
            given = tomllib.loads(Path(path).read_text())
        except (OSError, ValueError) as error:
            what = f"`{path}` cannot be read: {error}."
            raise InvalidFile(what, f"A .toml file with {needed}.", "Check its path and its lines.") from error
        known = [one.name for one in fields(cls)]
        if unknown := [key for key in given if key not in known]:
            what = f"`{path}` sets `{unknown[0]}`, which no study has."
            raise InvalidSetting(what, f"Known: {', '.join(known)}.", "Leave it out.")
        if missing := [key for key in needed.split(", ") if key not in given]:
            raise InvalidSetting(f"`{path}` has no `{missing[0]}`.", f"Needed: {needed}.", f"Add: {missing[0]} = ….")
        hints = get_type_hints(cls, include_extras=True)
        for key, value in given.items():
            try:
                expect("Study", key, _frozen(value), hints[key])
            except InvalidSetting as error:
                allowed, example = WRITTEN[key]
                what = f"`{path}`: {key} = {json.dumps(value, default=str)} is not of the kind that `{key}` has."
                raise InvalidSetting(what, f"{key}: {allowed}.", f"Write: {key} = {example}") from error
        return cls(**{key: _frozen(value) for key, value in given.items()})

    @property
    def source(self) -> Named:
        """The samples."""
        return Named(self.data, self.data_dir, self.mean, self.std, self.size)

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """The points of the grid in order, with the hashes of what they compute on; networks and samples are read for
        them, once.  Raises what reading them raises, and `InvalidSetting` for images that are not there."""
        test, train = self.source.open(False), self.source.open(True)
        if beyond := [end for _, end in self.images if end > len(test)]:
            what = f"images up to {beyond[0]}, and `{self.data}` has {len(test)}."
            raise InvalidSetting(what, f"Ends up to {len(test)}.", "Shorten the range: images = [[begin, end]].")
        calibration = samples_hash(train.first(self.calibration))
        subjects = [
            Subject(network, self.source, self.calibration, network_hash(network), calibration)
            for network in self.networks
        ]
        parts = [(*pair, samples_hash(test.first(pair[1]).rest(pair[0]))) for pair in self.images]
        return tuple(self._points(subjects, parts))

    def _points(self, subjects: Sequence[Subject], parts: Sequence[tuple[int, int, str]]) -> Iterator[Shard]:
        for subject, method in product(subjects, self.methods):
            coding = METHODS[method]
            times: tuple[int | None, ...] = (None,)  # T of a method that answers once
            if isinstance(coding, Rate):
                times = self.steps or (coding.steps,)
            for steps, hardware, seed, part in product(times, self.constraints, self.seeds, parts):
                yield Shard(subject, method, steps, _ordered(hardware), seed, *part)


def _ordered(constraints: Mapping[str, Any]) -> Constraints:
    """By name, in the order in which they act.  Raises `InvalidSetting` for names that are not known."""
    if unknown := [name for name in constraints if name not in HARDWARE]:
        what, known = f"constraint `{unknown[0]}` is not known.", f"Known: {', '.join(HARDWARE)}."
        raise InvalidSetting(what, known, "Choose some of these: constraints = [{}, {weight_bits = 4}].")
    return tuple((name, constraints[name]) for name in HARDWARE if name in constraints)


def _frozen(value: Any) -> Any:
    """A list of a file as a tuple, and what is in it."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
