"""Plant small bugs and see whether the tests notice: `make mutants N=60 SEED=0`.  It shows progress and goes on where
it was stopped.

A mutant changes one place of one file.  Which ones are drawn depends on the seed and on the places themselves, not on
where they stand. A room's tests run on a copy of `src/`; a mutant that they pass has survived.  Survivors are tried
again on the next run, killed ones are not. The tests themselves are not copied: one that is being written meanwhile
kills whatever it meets."""

import ast
import hashlib
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).parent))
from equivalent_mutants import EQUIVALENT

STATE = Path("results/mutants.json")
MEMORY = 12 << 30  # bytes of address space: a mutant may ask for any amount
ROOMS = {  # and what tests them, the quick ones first
    "ir": (
        "ir",
        "importers",
        "contracts/test_import.py",
        "test_onnx.py",
        "contracts/test_exactness.py",
        "contracts/test_passes.py",
    ),
    "passes": ("contracts/test_import.py", "codings", "contracts/test_passes.py"),
    "kernels": ("neurons", "codings", "simulate"),
    "neurons": ("neurons", "codings", "simulate"),
    "codings": ("codings", "test_ranges.py", "contracts/test_exactness.py", "test_errors.py"),
    "engine": ("neurons", "simulate", "network", "contracts/test_trains.py"),
    "simulate": ("simulate", "measure/test_curve.py"),
    "encoders": ("codings", "simulate"),
    "constraints": ("constraints", "train/test_fit.py"),
    "measure": ("measure", "report"),
    "train": ("train",),
}
EXCHANGED = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult], ast.FloorDiv: [ast.Div], ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult], ast.LShift: [ast.RShift], ast.RShift: [ast.LShift], ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd], ast.And: [ast.Or],
    ast.Or: [ast.And], ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In],
    "min": ["max"], "max": ["min"], "minimum": ["maximum"], "maximum": ["minimum"], "amin": ["amax"], "amax": ["amin"], "any": ["all"], "all": ["any"],
    "clamp_min": ["clamp_max"], "clamp_max": ["clamp_min"], "floor": ["ceil"], "ceil": ["floor"], "floor_": ["ceil_"],
}  # fmt: skip
TEXT = {"__repr__", "_repr_html_", "describe", "extra_repr", "_text"}  # functions that only show something


@dataclass(frozen=True)
class Mutant:
    """A file with the bytes from `start` to `end` replaced.  key: the place and the change, without its line number,
    as people read it."""

    path: Path
    line: int
    start: int
    end: int
    new: str
    key: str

    def planted(self, source: bytes) -> bytes:
        return source[: self.start] + self.new.encode() + source[self.end :]


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """The node with one thing changed in it."""
    old = {name: getattr(node, name) for name in node._fields}

    def but(**changes: object) -> ast.AST:
        return type(node)(**old | changes)

    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op):
            yield from (but(op=other()) for other in EXCHANGED.get(type(op), ()))
        case ast.Compare(ops=ops):
            yield from (
                but(ops=[*ops[:i], other(), *ops[i + 1 :]])
                for i, op in enumerate(ops)
                for other in EXCHANGED.get(type(op), ())
            )
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield node.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(other) for other in {0: (1,), 1: (0, 2)}.get(value, (value + 1,)))
        case ast.Constant(value=float(value)):
            yield from (ast.Constant(other) for other in ((2 * value, -value) if value else (1.0,)))
        case ast.IfExp(test=test):
            yield but(test=ast.UnaryOp(ast.Not(), test))
        case ast.Call(func=func, args=args):
            name = getattr(func, "attr", getattr(func, "id", ""))
            yield from (
                but(func=ast.Attribute(func.value, o) if isinstance(func, ast.Attribute) else ast.Name(o))
                for o in EXCHANGED.get(name, ())
            )
            if len(args) > 1 and name not in EXCHANGED and not any(isinstance(arg, ast.Starred) for arg in args[:2]):
                yield but(args=[args[1], args[0], *args[2:]])
    if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield ast.Pass()


def places(node: ast.AST, where: str = "", test: bool = False) -> Iterator[tuple[ast.AST, str, ast.AST]]:
    """(node, the function it is in, what it may become) over a file, but for types, decorators, and what is only shown
    to people."""
    match node:
        case (
            ast.Raise()
            | ast.Assert()
            | ast.JoinedStr()
            | ast.keyword(arg="strict")
            | ast.If(test=ast.Name(id="TYPE_CHECKING"))
        ):
            return
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            if name in TEXT:
                return
            where = f"{where}.{name}" if where else name
    if test and not (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        yield node, where, ast.UnaryOp(ast.Not(), node)
    yield from ((node, where, new) for new in variants(node))
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "type_params"):
            negated = (field == "test" and isinstance(node, ast.If | ast.While)) or (field == "ifs")
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from places(child, where, negated)


def mutants(root: Path, files: Sequence[Path]) -> list[Mutant]:
    """Every mutant of these files, which lie under `root`."""
    found: dict[str, Mutant] = {}
    for path in files:
        source = path.read_bytes()
        lines = [0, *itertools.accumulate(map(len, source.splitlines(keepends=True)))]
        for node, where, new in places(ast.parse(source)):
            start, end = lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset
            old, text = ast.unparse(node), ast.unparse(new)
            if old == text:  # two arguments that are the same
                continue
            before, after = (
                source[lines[node.lineno - 1] : start].decode().lstrip(),
                source[end : lines[node.end_lineno]].decode().rstrip(),
            )
            key = f"{path.relative_to(root)} {where}: {before}⟦{old} → {text}⟧{after}"
            while key in found:  # the same line twice in a function
                key += " (again)"
            found[key] = Mutant(
                path.relative_to(root),
                node.lineno,
                start,
                end,
                text if isinstance(new, ast.stmt) else f"({text})",
                key,
            )
    return list(found.values())


def draw(every: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of these at random.  A place keeps its lot when other places change."""
    return sorted(every, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest())[:count]


def passes(tests: Sequence[str], source: Path, numba: Path, limit: float) -> bool:
    """Whether these tests pass on this copy of the sources, which has what they say beside it; a hang is a failure."""
    # Compiled code is kept by the source file's time and name, and Python's by the second: neither may outlive a
    # mutant.
    own = {"PYTHONPATH": str(source), "NUMBA_CACHE_DIR": str(numba), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile",
        "mutants",
        *tests,
    ]
    capped = partial(resource.setrlimit, resource.RLIMIT_AS, (MEMORY, MEMORY))
    with source.with_suffix(".log").open("w") as log:
        try:
            run = subprocess.run(
                command, env=os.environ | own, stdout=log, stderr=log, timeout=limit, preexec_fn=capped
            )
        except subprocess.TimeoutExpired:
            return False
    return run.returncode == 0


def main(count: int, seed: int) -> int:
    root = Path("src/isospike")
    every = mutants(root, [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))])
    drawn = sorted(draw(every, count, seed), key=lambda mutant: mutant.path)
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    waiting = [mutant for mutant in drawn if state.get(mutant.key) != "killed" and mutant.key not in EQUIVALENT]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns) as bar:
        copy = Path(shutil.copytree("src", Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__")))
        task = bar.add_task("", total=len(waiting))
        for room, group in itertools.groupby(waiting, key=lambda mutant: mutant.path.parts[0]):
            tests = [f"tests/{name}" for name in ROOMS[room]]
            bar.update(task, description=f"{room}, no mutant")
            began = time.monotonic()
            if not passes(tests, copy, Path(folder) / "numba", 3600):
                sys.exit(
                    f"{copy.with_suffix('.log').read_text()}\nThe tests of {room} fail without any mutant: "
                    f"{' '.join(tests)}"
                )
            limit = 60 + 2 * (time.monotonic() - began)
            bar.update(task, description=room)
            for number, mutant in enumerate(group):
                file = copy / "isospike" / mutant.path
                whole = Path(shutil.copy2(file, file.with_suffix(".whole")))
                source = whole.read_bytes()
                file.write_bytes(mutant.planted(source))
                # A kernel that is kept knows when its own file changes, but not when another does
                # whose functions are compiled into it.
                numba = Path(folder) / (f"numba {room} {number}" if b"numba" in source else "numba")
                state[mutant.key] = "survived" if passes(tests, copy, numba, limit) else "killed"
                whole.replace(file)  # with its time, or its kernels would be compiled once more
                bar.console.print(
                    f"{state[mutant.key]:9} line {mutant.line} {mutant.key}",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
                STATE.parent.mkdir(exist_ok=True)
                written = STATE.with_suffix(".partial")
                written.write_text(json.dumps(state, indent=1, ensure_ascii=False))
                written.replace(STATE)
                bar.advance(task)
    equivalent = [mutant for mutant in drawn if mutant.key in EQUIVALENT]
    survivors = [mutant for mutant in drawn if mutant not in equivalent and state[mutant.key] == "survived"]
    gone = EQUIVALENT.keys() - {mutant.key for mutant in every}
    print(
        *(f"survived  {mutant.key}" for mutant in survivors),
        *(f"no longer there  {key}" for key in sorted(gone)),
        sep="\n",
    )
    print(
        f"{len(drawn)} drawn, {len(drawn) - len(equivalent) - len(survivors)} killed, {len(equivalent)} "
        f"equivalent, {len(survivors)} survived"
    )
    return bool(survivors or gone)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
