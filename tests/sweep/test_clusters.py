"""Schedulers as they are, where they are installed: a cluster on this machine gives the table of local processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import isospike as iso
from isospike.errors import InvalidSetting
from isospike.sweep import Study, engine

GRID = Study(("isospike.zoo:lenet5",), "mnist-sample", ("ttfs", "rate"), ((0, 4), (4, 8)), steps=(2,), calibration=20)
WAIT = 60  # s for a scheduler to begin


@contextmanager
def started(*commands: tuple[str, ...]) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Programs in the background, ended as a whole."""
    place = str(Path(iso.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": place, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    running = []
    try:
        for command in commands:
            running.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))  # fmt: skip
        yield running
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait(30)


def swept(address: str, folder: Path) -> bytes:
    end = time.monotonic() + WAIT
    while True:
        try:
            found = iso.sweep(GRID, folder, engine(address))
            break
        except InvalidSetting as error:  # it has not begun yet
            if "no scheduler answers" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.5)
    assert found.computed == 4 and not found.failed
    return (folder / "table.csv").read_bytes()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("local")
    iso.sweep(GRID, folder, engine(None, 1))
    return (folder / "table.csv").read_bytes()


@pytest.mark.filterwarnings("ignore")  # of the schedulers themselves
def test_dask(local: bytes, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    run = (sys.executable, "-m")
    scheduler = (
        *run,
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "28786",
        "--no-dashboard",
    )
    worker = (*run, "distributed.cli.dask_worker", "tcp://127.0.0.1:28786", "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path))  # fmt: skip
    with started(scheduler, worker):
        assert swept("dask://127.0.0.1:28786", tmp_path / "s") == local


@pytest.mark.filterwarnings("ignore")
def test_ray(local: bytes, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    head = (sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address=127.0.0.1", "--port=6391", "--num-cpus=1",
            "--ray-client-server-port=9997", "--include-dashboard=false", "--object-store-memory=100000000")  # fmt: skip
    with started(head):
        assert swept("ray://127.0.0.1:9997", tmp_path / "s") == local
