"""Compiled loops on the disk: found again by the next process, and never those of another step."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isospike.engine.kinds import Kind
from isospike.kernels.pools import growth, mean, nothing
from isospike.neurons import IF, LIF, SignedIF
from isospike.neurons.arithmetic import on

RUN = """
import torch
from isospike import Conversion, METHODS, simulate
from isospike.engine.fused import KEPT
net = Conversion(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)), torch.rand(8, 3))
simulate(net.network(METHODS["rate"], torch.float32), torch.full((1, 3), 0.5))
print(sum(KEPT.stats.cache_hits.values()), sum(KEPT.stats.cache_misses.values()))
"""


def name(
    step: Callable[..., Any], told: bool = False, signed: bool = False, pool: Callable[..., None] = nothing
) -> str:
    return Kind(step, told, signed, pool)._numba_type_.name


def test_the_next_process_finds_what_was_compiled(tmp_path: Path) -> None:
    def found() -> list[int]:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        run = subprocess.run(
            [sys.executable, "-c", RUN], env=environment, check=True, capture_output=True, text=True, timeout=300
        )
        return [int(number) for number in run.stdout.split()]

    assert found()[1] > 0
    hits, misses = found()
    assert hits > 0 and not misses


def test_a_name_is_that_of_one_step_only() -> None:
    kinds = [
        (IF.step, False, False, nothing),
        (LIF.step, False, False, nothing),
        (SignedIF.step, True, True, nothing),
        (SignedIF.step, True, False, nothing),
        (IF.step, False, True, nothing),
        (IF.step, False, False, mean),
        (IF.step, False, False, growth),
    ]
    names = [name(*kind) for kind in kinds]
    assert len(set(names)) == len(names)
    assert names == [name(*kind) for kind in kinds]
    assert all(Kind(*kind).kept for kind in kinds)


LEVEL = 0.5


def reading(states: Any, x: Any, parameters: Any) -> Any:
    return on(x >= LEVEL, x), states


def of(text: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(f"def step(states, x, parameters):\n    return {text}, states", space)  # one name and place, other code
    step: Callable[..., Any] = space["step"]
    return step


def test_other_code_of_the_same_function_has_another_name() -> None:
    assert name(of("x + 1")) == name(of("x + 1"))
    assert name(of("x + 1")) != name(of("x + 2"))
    assert name(of("x + 1")) != name(of("x - 1"))


def test_a_number_that_a_step_reads_is_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = name(reading)
    assert Kind(reading, False, False, nothing).kept
    monkeypatch.setattr(sys.modules[__name__], "LEVEL", 0.25)
    assert name(reading) != before


def test_what_an_argument_is_by_default_is_in_the_name() -> None:
    def step(states: Any, x: Any, parameters: Any, k: float = 0.5) -> Any:
        return x * k, states

    before = name(step)
    step.__defaults__ = (0.25,)
    assert name(step) != before


def helped(x: Any) -> Any:
    return x * 2


def helping(states: Any, x: Any, parameters: Any) -> Any:
    return helped(x), states


def nested(states: Any, x: Any, parameters: Any) -> Any:
    return sum(helped(y) for y in (x,)), states


@pytest.mark.parametrize("step", [helping, nested])
def test_a_step_that_reads_what_may_change_unseen_is_not_kept(step: Callable[..., Any]) -> None:
    assert not Kind(step, False, False, nothing).kept
