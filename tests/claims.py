"""Claims of papers by name, for their tests."""

import importlib
from dataclasses import fields
from types import ModuleType
from typing import Any

from isospike.report.claim import Found, Setup
from isospike.report.papers import claim, papers
from isospike.report.result import Result
from isospike.report.run import measured

MODULES = {name: module for paper in papers().values() for name, module in paper.modules.items()}


def module_of(name: str) -> ModuleType:
    """Where a claim is."""
    return importlib.import_module(MODULES[name])


class Listening(Setup):
    """A setup that keeps the names of the fields that a claim reads."""

    __hash__ = object.__hash__  # hashing and comparing fields is no reading
    __eq__ = object.__eq__

    def __getattribute__(self, name: str) -> Any:
        if name in FIELDS:
            object.__getattribute__(self, "__dict__").setdefault("heard", set()).add(name)
        return object.__getattribute__(self, name)


FIELDS = {one.name for one in fields(Setup)}


def result_of(name: str, setup: Setup) -> Result:
    """What comes of measuring it; its options are the fields that it reads."""
    found, listening = claim(name), Listening(**vars(setup))
    vars(listening).pop("heard", None)
    measure = found.measure

    def listened(_: Setup) -> Found:
        return measure(listening)

    found.measure = listened
    result = measured(name, found, setup)
    assert vars(listening).get("heard", set()) - {"size", "data_dir"} == set(found.options)
    return result


def assert_printed_figures_are_shown(result: Result) -> None:
    """Every figure of the paper stands beside some row."""
    found = claim(result.name)
    assert {key for row in result.rows for key in found.paper if found.printed(row.case) is found.paper[key]} == set(
        found.paper
    )
