"""The stamp of a result: which code it was measured with, so that a page that is out of date says so."""

import ast
import hashlib
import importlib.util
from pathlib import Path

from isospike.errors import InvalidSetting
from isospike.report.claim import Claim
from isospike.report.result import Result

LENGTH = 12


def stamp(claim: Claim) -> str:
    """A hash of the source of a claim's module, and of all that it imports of its own distribution: of the paper's
    parts and of what papers share."""
    module = type(claim).__module__
    top = module.partition(".")[0]
    found = hashlib.sha256()
    for name in sorted(_reached(module, top)):
        found.update(name.encode() + _source(name).encode())
    return found.hexdigest()[:LENGTH]


def stale(result: Result, claim: Claim) -> str | None:
    """Why a result is not what its command gives today; None if nothing tells so."""
    if not result.stamp:
        return "measured before results had stamps"
    if result.stamp != stamp(claim):
        return "its code has changed since"
    try:
        setup = claim.setup(str(result.setup.get("size")))
    except InvalidSetting as error:
        return error.what
    other = {name: value for name, value in result.setup.items() if value != getattr(setup, name, None)}
    told = ", ".join(f"{name} {value}" for name, value in other.items())
    return f"measured with {told}, which is not the size's" if other else None


def _reached(module: str, top: str) -> set[str]:
    """The modules of a package that one of them imports, however far, and itself."""
    found, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for node in ast.walk(ast.parse(_source(name))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            waiting += [one for one in names if one.partition(".")[0] == top and _place(one) is not None]
    return found


def _place(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # a name in a module, not a module
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _source(module: str) -> str:
    place = _place(module)
    return "" if place is None else place.read_text(encoding="utf-8")
