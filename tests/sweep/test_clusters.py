"""Schedulers as they are, where they are installed: a cluster on this machine, whose nodes have no file of the study,
gives the table of local processes, and a node fetches each content once."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import isospike as iso
from isospike.errors import InvalidSetting
from isospike.sweep import Study, engine
from isospike.sweep.engines import Engine, Opened
from isospike.sweep.parcels import Parcel

CODE = """
import os
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))

def loose():
    if not os.path.exists("net.py"):
        raise ValueError("a loose cable")
    return nn.Sequential(make(), nn.ReLU())
"""
GRID = Study(("net.py:make",), "own.npz", ("ttfs", "rate"), ((0, 4), (4, 8)), steps=(2,), calibration=20)
MORE = replace(GRID, steps=(2, 4))
WAIT = 60  # s for a scheduler to begin
NODES = 2
Command = tuple[str, ...]


@contextmanager
def started(root: Path, head: Command, *nodes: Command) -> Iterator[None]:
    """Programs in the background, ended as a whole; each in a directory, with a cache and data, of its own: empty."""
    place = str(Path(iso.__file__).parents[1])
    paths = os.pathsep.join([place, *filter(None, [os.environ.get("PYTHONPATH")])])
    running = []
    try:
        for number, command in enumerate((head, *nodes)):
            (here := root / f"node{number}").mkdir()
            own = {"ISOSPIKE_CACHE": str(here / "cache"), "ISOSPIKE_DATA": str(here), "PYTHONPATH": paths}
            quiet = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "GRPC_ENABLE_FORK_SUPPORT": "0"}
            with (here / "log").open("wb") as log:
                running.append(
                    subprocess.Popen(command, env=os.environ | quiet | own, cwd=here, stdout=log, stderr=log)
                )
        yield
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait(30)


def counted(address: str, put: list[int]) -> Engine:
    """An engine that notes the sizes of what is put."""

    @contextmanager
    def opened() -> Iterator[Opened]:
        with engine(address)() as found:
            assert found.put is not None
            real = found.put

            def noted(content: bytes) -> Parcel:
                put.append(len(content))
                return real(content)

            yield found._replace(put=noted)

    return opened


def swept(address: str, root: Path, expected: list[bytes]) -> None:
    """Both studies, one after the other, as local processes give them; what the first brought stays as it is."""
    end = time.monotonic() + WAIT
    put: list[int] = []
    while True:
        try:
            found = iso.sweep(GRID, root / "s", counted(address, put))
            break
        except InvalidSetting as error:  # it has not begun yet
            if "no scheduler answers" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.5)
    assert found.computed == 4 and not found.failed, found.failed
    assert (root / "s" / "table.csv").read_bytes() == expected[0]
    kept = {path: path.stat().st_mtime_ns for path in copies(root)}
    assert 4 <= len(put) <= len(kept) <= 4 * NODES  # network, calibration, two ranges
    assert iso.sweep(MORE, root / "s", counted(address, put)).computed == 2
    assert (root / "s" / "table.csv").read_bytes() == expected[1]
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in copies(root)}.items()
    assert len(put) <= len(list(copies(root)))
    loose = replace(GRID, networks=("net.py:loose",), methods=("ttfs",))
    said = [one.error for one in iso.sweep(loose, root / "s", engine(address)).failed]
    assert len(said) == 2 and all(re.match(r"InvalidModel: .*ValueError: a loose cable", one) for one in said), said


def copies(root: Path) -> Iterator[Path]:
    return (path for path in root.glob("node*/cache/copies/*") if path.suffix != ".lock")


@pytest.fixture
def expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(CODE)
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (40, 28, 28), dtype=np.uint8), draw.integers(0, 10, 40)
    np.savez("own.npz", train_images=images, train_labels=labels, test_images=images[::-1], test_labels=labels[::-1])
    found = []
    for grid in (GRID, MORE):
        iso.sweep(grid, tmp_path / "local", engine(None, 1))
        found.append((tmp_path / "local" / "table.csv").read_bytes())
    return found


@pytest.mark.filterwarnings("ignore")  # of the schedulers themselves
def test_dask(expected: list[bytes], tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    run = (sys.executable, "-m")
    scheduler = (*run, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "28786", "--no-dashboard")
    worker = (*run, "distributed.cli.dask_worker", "tcp://127.0.0.1:28786", "--nthreads", "1", "--no-dashboard")
    with started(tmp_path, scheduler, worker, worker):
        swept("dask://127.0.0.1:28786", tmp_path, expected)


@pytest.mark.filterwarnings("ignore")
def test_ray(expected: list[bytes], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    start = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1")
    more = ("--object-store-memory=100000000", "--node-ip-address=127.0.0.1", "--port=6391")
    head = (*start, *more, "--head", "--ray-client-server-port=9997", "--include-dashboard=false")
    with started(tmp_path, head):
        swept("ray://127.0.0.1:9997", tmp_path, expected)
