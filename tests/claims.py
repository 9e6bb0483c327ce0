"""Claims of papers by name, for their tests."""

import importlib
from types import ModuleType

from isospike.report.claim import Setup
from isospike.report.papers import claim, papers
from isospike.report.result import Result
from isospike.report.run import measured

MODULES = {name: module for paper in papers().values() for name, module in paper.modules.items()}


def module_of(name: str) -> ModuleType:
    """Where a claim is."""
    return importlib.import_module(MODULES[name])


def result_of(name: str, setup: Setup) -> Result:
    """What comes of measuring it."""
    return measured(name, claim(name), setup)
