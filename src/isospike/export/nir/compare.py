"""Another tool's simulator against golden spikes: every node, every step, every neuron.

The tool runs in an environment of its own, which `make interop` makes, because their dependencies conflict."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from isospike.errors import InvalidSetting
from isospike.export.nir.golden import SPIKES, Golden, beside
from isospike.export.nir.read import opened
from isospike.export.nir.targets import TARGETS

ENVIRONMENTS = "ISOSPIKE_INTEROP"  # names the folder of environments; else .interop
READERS = Path(__file__).parent / "readers"
SECONDS = 600  # that a tool may take
ROUNDING = 1e-5  # of read-outs, relative to the largest: what single precision adds up to


@dataclass(frozen=True)
class Difference:
    """Of one node: how many of its spikes and of its entries differ, and the first step in which one does."""

    node: str
    neurons: int
    spikes: int
    differing: int
    first_step: int | None


@dataclass(frozen=True)
class Verified:
    """`outcome`: "equal", "differs" or "refused", and why; `error`: of the read-out, the largest."""

    target: str
    outcome: str
    why: str
    layers: tuple[Difference, ...]
    error: float | None
    packages: dict[str, str]

    @property
    def equal(self) -> bool:
        return self.outcome == "equal"


def verify(path: Path, target: str) -> Verified:
    """Run a graph in a tool on the samples of its golden spikes.  Raises `InvalidSetting` where the tool is not
    installed or the graph is for isospike alone, `InvalidFile` where the graph is damaged or has no golden spikes."""
    if opened(path)[0] is None:
        raise InvalidSetting(
            f"`{path}` is written with isospike's extension, for isospike alone.",
            "Graphs for another target.",
            "Export the network for it: --to nir --target.",
        )
    golden = Golden.read(beside(path))
    python = environment(target)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.npz"
        script = READERS / f"in_{target}.py"
        try:
            run = subprocess.run(
                [python, script, path.absolute(), beside(path).absolute(), out],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                cwd=folder,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InvalidSetting(
                f"`{target}` did not answer: {error}.", f"An answer within {SECONDS} s.", "Take fewer samples."
            ) from error
        if run.returncode or not out.exists():
            why = (
                (run.stderr.strip() or run.stdout.strip() or f"exit status {run.returncode}").splitlines()[-1].strip()
            )
            if golden.target != target:
                why = f"the graph was written for `{golden.target}`: export it with --target {target}; it said: {why}"
            return Verified(target, "refused", why, (), None, {})
        with np.load(out, allow_pickle=False) as file:
            return _compared(target, golden, {name: file[name] for name in file.files})


def environments() -> Path:
    """Where the tools' environments are."""
    return Path(os.environ.get(ENVIRONMENTS) or ".interop")


def environment(target: str) -> str:
    """The Python of a tool's environment.  Raises `InvalidSetting` where there is none."""
    tools = [name for name in TARGETS if name != "any"]
    if target not in tools:
        raise InvalidSetting(f"target `{target}` cannot be run.", f"{', '.join(tools)}.", "Choose one: --target.")
    python = environments() / target / "bin" / "python"
    if python.exists():
        return str(python.absolute())
    if find_spec(target) and find_spec("nirtorch"):
        return sys.executable
    raise InvalidSetting(
        f"`{target}` is not installed: there is no {python}.",
        f"Environments of `make interop`, in .interop or where ${ENVIRONMENTS} says.",
        "Run `make interop`.",
    )


def _compared(target: str, golden: Golden, found: dict[str, np.ndarray]) -> Verified:
    packages: dict[str, str] = json.loads(str(found["packages"]))
    layers, strange = [], ""
    for node, wanted in golden.spikes.items():
        got = found[SPIKES + node]
        if got.shape != wanted.shape:
            strange = strange or f"`{node}` sends {got.shape}, not {wanted.shape}"
            continue
        wrong = got != wanted
        steps = np.flatnonzero(wrong.reshape(len(wrong), -1).any(1))
        first = int(steps[0]) if len(steps) else None
        layers.append(Difference(node, int(np.prod(wanted.shape[2:])), int(wanted.sum()), int(wrong.sum()), first))
    outputs = found["outputs"]
    if outputs.shape[1:] != golden.readout.shape:
        strange = strange or f"the output is {outputs.shape[1:]}, not {golden.readout.shape}"
        return Verified(target, "differs", strange, tuple(layers), None, packages)
    error = float(np.abs(outputs.mean(0) - golden.readout).max(initial=0.0))
    scale = float(np.abs(golden.readout).max(initial=0.0))
    differing = sum(layer.differing for layer in layers)
    if differing or not error <= ROUNDING * scale:
        strange = strange or f"{differing:,} of {_entries(golden):,} spikes and silences differ"
    return Verified(target, "differs" if strange else "equal", strange, tuple(layers), error, packages)


def _entries(golden: Golden) -> int:
    return sum(train.size for train in golden.spikes.values())


def rows(found: Verified) -> list[dict[str, Any]]:
    """A row a node."""
    return [
        {
            "node": layer.node,
            "neurons": layer.neurons,
            "spikes": layer.spikes,
            "differing": layer.differing,
            "first_step": layer.first_step,
        }
        for layer in found.layers
    ]
