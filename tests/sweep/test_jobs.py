"""Shards as jobs of submitit, whose own executor of this machine stands in for Slurm."""

import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import isospike as iso
from isospike.errors import InvalidSetting
from isospike.sweep import Study, engine
from isospike.sweep.jobs import Jobs

CODE = """
import os
import signal
import torch
from torch import nn

def make():
    if os.path.exists(ONCE):
        os.remove(ONCE)
        os.kill(os.getpid(), signal.SIGKILL)
    if os.path.exists(ALWAYS):
        os._exit(3)
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOSPIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(iso.__file__).parents[1]), *sys.path]))


@pytest.mark.filterwarnings("ignore")  # submitit leaves processes and files to the garbage collector
def test_jobs_give_the_table_of_local_processes_also_if_one_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    once, always, path = tmp_path / "once", tmp_path / "always", tmp_path / "net.py"
    path.write_text(CODE.replace("ONCE", repr(str(once))).replace("ALWAYS", repr(str(always))))
    grid = Study((f"{path}:make",), "mnist-sample", ("ttfs",), ((0, 4), (4, 8)), calibration=20)
    assert len(grid.shards) == 2
    iso.sweep(grid, tmp_path / "local", engine(None, 1))
    expected = (tmp_path / "local" / "table.csv").read_bytes()
    once.touch()  # from now on the first that makes the network is killed
    found = iso.sweep(grid, tmp_path / "jobs", engine("submitit://local", 2))
    assert not once.exists() and found.computed == 2 and not found.failed
    assert (tmp_path / "jobs" / "table.csv").read_bytes() == expected
    always.touch()
    lost = iso.sweep(grid, tmp_path / "lost", engine("submitit://local", 2), retries=1)
    assert not lost.rows and len(lost.failed) == 2
    assert all("ended without an answer" in one.error and "(tried 2 times)" in one.error for one in lost.failed)
    assert not list((tmp_path / "cache" / "jobs").iterdir())


class Job:
    job_id, state = "17", "OUT_OF_MEMORY"

    def __init__(self, answer: Any) -> None:
        self.answer, self.cancelled = answer, False

    def done(self) -> bool:
        return self.answer is not None

    def result(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def stderr(self) -> str:
        return "some text\nslurmstepd: error: oom-kill\n"

    def cancel(self) -> None:
        self.cancelled = True


def submitted(answer: Any) -> tuple[Job, Jobs, Any]:
    job = Job(answer)
    executor = Jobs(SimpleNamespace(submit=lambda *_: job), "slurm://p")
    return job, executor, executor.submit(len, ())


def test_what_a_job_answers() -> None:
    assert submitted((5, None))[2].result(5) == 5
    refusal = InvalidSetting("no such thing.")
    assert submitted((None, refusal))[2].exception(5) is refusal
    lost = submitted(RuntimeError("no result"))[2].exception(5)
    assert isinstance(lost, ChildProcessError)
    assert str(lost).startswith("job 17 ended without an answer (OUT_OF_MEMORY)") and "oom-kill" in str(lost)
    job, executor, future = submitted(None)
    executor.shutdown(cancel_futures=True)
    assert job.cancelled and not future.done()


def test_a_scheduler_that_takes_no_job() -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("sbatch: error: invalid partition specified: p\nand more")

    executor = Jobs(SimpleNamespace(submit=refuse), "slurm://p")
    with pytest.raises(InvalidSetting, match=r"slurm://p takes no job: sbatch: error: invalid partition[\s\S]*SBATCH"):
        executor.submit(len, ())
    executor.shutdown()


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(folder: str, cluster: str) -> None:
        assert cluster == "slurm" and Path(folder).is_dir()
        raise RuntimeError('Could not detect "srun", are you indeed on a slurm cluster?')

    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(AutoExecutor=absent))
    with pytest.raises(InvalidSetting, match=r"no scheduler answers at slurm://Long: Could not[\s\S]*where sbatch"):
        engine("slurm://Long")().__enter__()
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InvalidSetting, match=r"submitit is not installed[\s\S]*isospike\[cluster\]"):
        engine("submitit://local")().__enter__()
    for name in ("slurm://", "submitit://", "submitit://elsewhere"):
        with pytest.raises(InvalidSetting, match=r"is not known[\s\S]*slurm://PARTITION"):
            engine(name)


def test_what_slurm_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    made = SimpleNamespace(update_parameters=asked.update)
    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(AutoExecutor=lambda *_: made))
    before = threading.active_count()
    with engine("slurm://Long", 10)() as opened:
        executor = opened.executor
        assert isinstance(executor, Jobs) and opened.workers == 5  # twice as many are in flight
        assert asked["slurm_partition"] == "Long" and asked["cpus_per_task"] == 1 and asked["timeout_min"] > 60
    executor.watcher.join(5)
    assert threading.active_count() == before
