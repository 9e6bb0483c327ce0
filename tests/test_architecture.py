"""The house: a room imports from lower ranks only, files are short, growing folders have their table of contents,
names are pinned."""

import ast
import importlib
from pathlib import Path

import pytest

import isospike
import isospike_cli
import isospike_papers

ROOT = Path(isospike.__file__).parent
RANKS = (
    {"errors", "shown"},
    {"store"},
    {"ir", "kernels"},
    {"activations"},
    {"importers", "passes", "neurons", "data"},
    {"network", "ranges"},
    {"engine"},
    {"encoders", "constraints", "simulate"},
    {"codings"},
    {"convert"},
    {"measure", "train", "zoo", "export"},
    {"plot", "web", "sweep"},
    {"report", "explore"},
    {"__init__", "__main__"},  # the front door sees all rooms
)
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
GROWING = (
    "activations",
    "codings/normalise",
    "ir/ops",
    "passes",
    "neurons",
    "encoders",
    "codings",
    "constraints",
    "export",
    "export/nir",
    "zoo",
    "plot",
)
FILES = sorted(ROOT.rglob("*.py"))
PAPERS = sorted(Path(isospike_papers.__file__).parent.rglob("*.py"))
CLI = sorted(Path(isospike_cli.__file__).parent.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Rooms of the package that a file imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [
                f"{node.module}.{alias.name}" if node.module == "isospike" else node.module for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    rooms = (name.split(".")[1] if "." in name else "__init__" for name in names if name.split(".")[0] == "isospike")
    return {room if room in RANK else "__init__" for room in rooms}  # a public name comes from the front door


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_from_lower_ranks_only(path: Path) -> None:
    mine = room(path)
    allowed = {other for other, rank in RANK.items() if rank < RANK[mine]} | {mine}
    assert imports(path) <= allowed, f"{mine} may not import {imports(path) - allowed}"


@pytest.mark.parametrize("path", (*FILES, *PAPERS, *CLI), ids=lambda p: str(p.relative_to(ROOT.parent)))
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_most_files_are_short() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in FILES)
    assert lengths[len(lengths) // 2] <= 120
    assert sum(length > 250 for length in lengths) <= len(lengths) // 10


@pytest.mark.parametrize("folder", GROWING)
def test_every_file_has_its_row(folder: str) -> None:
    contents = (ROOT / folder / "__init__.py").read_text()
    for path in (ROOT / folder).glob("[a-z]*.py"):
        assert path.stem in contents or path.stem in ("base", "look", "ranged"), path.name


def test_public_names() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text())
    names = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == {
        "CTE", "Clocked", "ClosedForm", "Coding", "Conversion", "ECTE", "EarlyExit", "EventDriven", "IsospikeError", "Latency", "METHODS", "Rate",
        "SlopeMismatch", "SpikeJitter", "SpikingNetwork", "Stepped", "TTFS", "TimeSteps", "Trace", "WeightBits", "WeightNoise", "check", "constrain",
        "convert", "curve", "diagnose", "export", "load", "measure", "plot", "save", "simulate", "sweep", "train", "zoo",
    }  # fmt: skip
    assert len(names) <= 35
    assert all(callable(getattr(isospike, name)) for name in names - {"METHODS", "export", "plot", "train", "zoo"})


def test_nothing_imports_its_options_eagerly() -> None:
    """Optional dependencies are imported inside the one function that needs them."""
    elsewhere = ROOT / "export" / "nir" / "readers"  # scripts of other tools' environments, imported by nothing here
    for path in (path for path in FILES if elsewhere not in path.parents):
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name.split(".")[0] for node in top if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module.split(".")[0] for node in top if isinstance(node, ast.ImportFrom) and node.module}
        assert not names & {
            "onnx",
            "onnxruntime",
            "matplotlib",
            "lightning",
            "torchvision",
            "starlette",
            "uvicorn",
            "nir",
            "distributed",
            "ray",
        }, path


@pytest.mark.parametrize("path", PAPERS, ids=lambda p: str(p.relative_to(PAPERS[0].parent)))
def test_papers_use_what_users_can_use(path: Path) -> None:
    """Nothing with an underscore; no clock, cache, writer or training loop of their own; nothing of another paper but
    what is shared."""
    tree = ast.parse(path.read_text())
    paper = path.relative_to(PAPERS[0].parent).parts[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isospike"):
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            assert not [name for name in names if name.startswith("_")], names
            assert names[0] == "isospike" or names[1] in ("shared", paper), names
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("zero_grad", "perf_counter", "write_text", "write_bytes", "backward"), (
                path,
                node.lineno,
            )
    assert len(path.read_text().splitlines()) <= 300


def test_there_is_one_training_loop() -> None:
    assert [path.name for path in (*FILES, *PAPERS, *CLI) if ".zero_grad(" in path.read_text()] == ["fit.py"]


def test_files_import_in_no_circle() -> None:
    """Also not within a function.  Where a name comes from a room's table of contents, the room is meant and not one
    of its files."""
    root = ROOT.parent
    names = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (*FILES, *PAPERS, *CLI)
    }
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        nodes = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.module
        ]
        imported = {
            full if (full := f"{node.module}.{alias.name}") in names else node.module
            for node in nodes
            for alias in node.names
        }
        found[name] = {other for other in imported if other in names} - {name}
    while free := {
        name for name, others in found.items() if not others
    }:  # what is left when nothing is free any more is a circle, or leads to one
        found = {name: others - free for name, others in found.items() if name not in free}
    assert not found, sorted(found)


BENCHMARKS = sorted((ROOT.parent.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda p: p.name)
def test_benchmarks_import_what_there_is(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isospike"):
            room = importlib.import_module(str(node.module))
            assert not [alias.name for alias in node.names if not hasattr(room, alias.name)], node.lineno
