"""A simulator against golden spikes: every node, every step or spike time, every neuron.

Another tool runs in an environment of its own, which `make interop` makes, because their dependencies conflict."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting
from isospike.export.nir.extension import Content, body_of, nodes_of
from isospike.export.nir.golden import SPIKES, Golden, beside, spikes_of
from isospike.export.nir.read import opened
from isospike.export.nir.targets import EXTENDED, TARGETS
from isospike.network import Body

ENVIRONMENTS = "ISOSPIKE_INTEROP"  # names the folder of environments; else .interop
READERS = Path(__file__).parent / "readers"
SECONDS = 600  # that a tool may take
ROUNDING = 1e-5  # of read-outs, relative to the largest, and of times, to the window: what single precision adds up to


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
    """Run a graph in a tool, one of isospike's extension in isospike itself, on the samples of its golden spikes.
    Raises `InvalidSetting` where the tool is not installed or the graph is for another, `InvalidFile` where the graph
    is damaged or has no golden spikes."""
    graph, content = opened(path)
    if (graph is None) != (target == EXTENDED):
        kind = "with isospike's extension, for isospike alone" if graph is None else "for other tools than isospike"
        raise InvalidSetting(
            f"`{path}` is written {kind}.",
            "Graphs for the target that is asked for.",
            f"Choose another target{f': --target {EXTENDED}' if graph is None else ''}; or export the network for it.",
        )
    golden = Golden.read(beside(path))
    if graph is None:
        return _read_back(golden, body_of(str(path), content), content)
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


def _read_back(golden: Golden, body: Body, content: Content) -> Verified:
    """A graph of the extension in isospike.  A neuron that is silent counts as one that fires when its window ends:
    which of both it does may hang on the last digit."""
    nodes = nodes_of(body, content)
    _, spikes, readout, times = spikes_of(SpikingNetwork(body), torch.from_numpy(golden.input), nodes)
    packages = np.array(json.dumps({EXTENDED: version(EXTENDED)}))
    found = {"outputs": readout[None], "packages": packages} | {SPIKES + node: train for node, train in spikes.items()}
    layers, strange = [], ""
    for stage in body.stages[:-1]:
        node, window = nodes[stage.name], float(stage.end - stage.begin)
        wanted, got = golden.times.get(node), times.get(node)
        if wanted is None or got is None or wanted.shape != got.shape:
            strange = strange or (
                "" if node in golden.spikes else f"`{node}` has other spike times than the golden ones"
            )
            continue
        wrong = ~(np.abs(wanted.clip(max=window) - got.clip(max=window)) <= ROUNDING * window)
        fired = int(np.isfinite(wanted).sum())
        layers.append(Difference(node, int(np.prod(wanted.shape[1:])), fired, int(wrong.sum()), None))
    return _compared(EXTENDED, golden, found, layers, strange)


def _compared(
    target: str,
    golden: Golden,
    found: dict[str, np.ndarray],
    layers: Sequence[Difference] = (),
    strange: str = "",
) -> Verified:
    packages: dict[str, str] = json.loads(str(found["packages"]))
    layers = list(layers)
    for node, wanted in golden.spikes.items():
        got = found.get(SPIKES + node)
        if got is None or got.shape != wanted.shape:
            strange = strange or f"`{node}` sends {None if got is None else got.shape}, not {wanted.shape}"
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
    return sum(array.size for array in (*golden.spikes.values(), *golden.times.values()))


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
