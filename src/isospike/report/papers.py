"""Finds papers and their claims: packages named by the entry point group `isospike.papers`, one claim a module."""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType

from isospike.errors import InvalidSetting
from isospike.report.claim import Claim

GROUP = "isospike.papers"


@dataclass(frozen=True)
class Paper:
    """A paper: what pages say of it, and its claims by name, such as `stanojevic2023-fig3.3`."""

    heading: str
    introduction: str
    modules: dict[str, str]

    def claim(self, name: str) -> Claim:
        """One of its claims."""
        return _claim(importlib.import_module(self.modules[name]))


def papers() -> dict[str, Paper]:
    """Every paper that is installed, by name."""
    return {
        entry.name: _paper(entry.name, entry.load())
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    }


def claim(name: str) -> Claim:
    """The claim of this name.  Raises `InvalidSetting`."""
    known = papers()
    for paper in known.values():
        if name in paper.modules:
            return paper.claim(name)
    names = ", ".join(name for paper in known.values() for name in paper.modules)
    raise InvalidSetting(
        f"`{name}` is not known.", f"Known: {names}.", "Choose one of these: isospike reproduce --list."
    )


def _paper(name: str, package: ModuleType) -> Paper:
    heading, _, introduction = (inspect.getdoc(package) or name).partition("\n")
    files = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg)
    return Paper(
        heading.rstrip("."),
        introduction.strip(),
        {f"{name}-{file.replace('_', '.')}": f"{package.__name__}.{file}" for file in files},
    )


def _claim(module: ModuleType) -> Claim:
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Claim) and value.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise InvalidSetting(
            f"`{module.__name__}` has {len(own)} claims.",
            "One subclass of Claim a module.",
            "Put what claims share into a package.",
        )
    return own[0]()
