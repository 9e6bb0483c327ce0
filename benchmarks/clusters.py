"""Kills parts of a cluster in the middle of a study, and compares its table with that of an undisturbed local run.

python benchmarks/clusters.py [--engine dask|ray] [--shards 200]

Each row has a cluster of its own on this machine, of two nodes with one worker and an empty cache each, and a study of
LeNet-5. When half of the shards are kept, one part gets `kill -9`:

| killed | what                                                                      |
|--------|---------------------------------------------------------------------------|
| worker | a process of the second node that has just begun a shard                  |
| node   | the second node: nanny and worker of Dask; raylet, agents, workers of Ray |
| driver | the sweep; the same command is started again                              |

Workers write a line for each shard that they begin, so "computed again" counts what was begun twice. The command ends
with status 1 where a table differs, where a shard that was kept is computed again, or where more are than were in
flight."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

import isospike as iso
from isospike.errors import InvalidSetting
from isospike.sweep import Study, engine
from isospike.sweep.engines import AHEAD, Engine, Opened
from isospike.sweep.node import Absent
from isospike.sweep.shard import Shard

IMAGES, SAMPLES, STEPS = 50, 1000, 64  # of a shard, which takes 0.1 s; of the data
NODES = 2
BEGUN, NOT = "begun", "not"  # what workers note
WAIT = 180  # s for a cluster to begin
LIMIT = 600  # s for a sweep
DASK, GCS, RAY = 28787, 6392, 9998  # ports
PLACES = {"dask": f"dask://127.0.0.1:{DASK}", "ray": f"ray://127.0.0.1:{RAY}"}
EVENTS = ("worker", "node", "driver")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's client server forks; with gRPC's other settings (Ray 2.60, grpcio 1.85) a third connection hung
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "GRPC_POLL_STRATEGY": "poll",
}


def grid(shards: int) -> Study:
    parts = tuple((begin, begin + IMAGES) for begin in range(0, min(SAMPLES, IMAGES * shards), IMAGES))
    seeds = tuple(range(-(-shards // len(parts))))
    return Study(("isospike.zoo:lenet5",), "mnist-sample", ("regular",), parts, (STEPS,), seeds=seeds, calibration=100)


def noted(log: str, function: Callable[..., Any], shard: Shard, *more: Any) -> Any:
    """Compute a shard, in a worker, and write beforehand that it was begun, and by whom; take that back where it could
    not begin for want of contents."""
    note(log, shard, BEGUN)
    found = function(shard, *more)
    if isinstance(found, Absent):
        note(log, shard, NOT)
    return found


def note(log: str, shard: Shard, what: str) -> None:
    with open(log, "a") as file:
        file.write(f"{shard.name} {os.getpid()} {what}\n")


class Noting(Executor):
    """An executor whose shards are noted where they are computed."""

    def __init__(self, executor: Executor, log: Path) -> None:
        self.executor, self.log = executor, str(log)

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return self.executor.submit(noted, self.log, function, *args, **kwargs)


def noting(opening: Engine, log: Path) -> Engine:
    @contextmanager
    def opened() -> Iterator[Opened]:
        with opening() as found:
            yield found._replace(executor=Noting(found.executor, log))

    return opened


def nodes(kind: str, folder: Path) -> list[list[str]]:
    """What starts a cluster: the head, then the rest; the last is the node that is killed."""
    run = [sys.executable, "-m"]
    if kind == "dask":
        scheduler = [*run, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(DASK)]
        worker = [*run, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{DASK}", "--nthreads", "1", "--no-dashboard"]
        places = [["--local-directory", str(folder / f"node{index}")] for index in range(NODES)]
        return [[*scheduler, "--no-dashboard"], *([*worker, *place] for place in places)]
    start = [*run, "ray.scripts.scripts", "start", "--block", "--num-cpus=1", "--object-store-memory=100000000"]
    head = [*start, "--head", "--node-ip-address=127.0.0.1", f"--port={GCS}", f"--ray-client-server-port={RAY}"]
    second = [*start, f"--address=127.0.0.1:{GCS}", "--node-ip-address=127.0.0.2"]
    return [[*head, "--include-dashboard=false", f"--temp-dir={folder}"], second]


def tree(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """A program and all that it started."""
    try:
        own = psutil.Process(process.pid)
        return [own, *own.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(processes: list[psutil.Process]) -> None:
    for one in processes:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=30)


def begin(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a program; it logs to a file, beside which it keeps its cache."""
    places = [str(Path(iso.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(places)}
    environment["ISOSPIKE_CACHE"] = str(log.with_suffix(".cache"))
    with log.open("ab") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


@contextmanager
def cluster(kind: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A cluster whose nodes have all joined; hands out the one that may be killed."""
    started = []
    try:
        head, *rest = nodes(kind, folder)
        started.append(begin(head, folder / "head.log"))
        joined(kind, 0)
        started += [begin(command, folder / f"node{index}.log") for index, command in enumerate(rest)]
        joined(kind, NODES)
        yield started[-1]
    finally:
        kill([one for process in started for one in tree(process)])


def joined(kind: str, wanted: int) -> None:
    """Wait for so many workers, or for the scheduler alone."""
    end = time.monotonic() + WAIT
    port = int(PLACES[kind].rsplit(":", 1)[1])
    while time.monotonic() < end:
        if any(one.laddr.port == port and one.status == psutil.CONN_LISTEN for one in psutil.net_connections("tcp")):
            if not wanted:
                return
            try:
                with engine(PLACES[kind])() as opened:
                    if opened.workers >= wanted:
                        return
            except InvalidSetting:
                pass  # it has not begun yet
        time.sleep(0.5)
    sys.exit(f"{kind} did not begin within {WAIT} s")


def begun(log: Path) -> list[tuple[str, int]]:
    """Shards as they were begun, each with its process."""
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    found = [(name, int(process)) for name, process, what in lines if what == BEGUN]
    for name, process, what in lines:
        if what == NOT:
            found.remove((name, int(process)))
    return found


def kept(out: Path) -> set[str]:
    return {one.stem for one in (out / "shards").glob("*.json")}


def belongs(process: int, node: "subprocess.Popen[bytes]") -> bool:
    try:
        return node.pid in {process, *(one.pid for one in psutil.Process(process).parents())}
    except psutil.NoSuchProcess:
        return False


def middle(log: Path, out: Path, half: int, driver: "subprocess.Popen[bytes]", node: "subprocess.Popen[bytes]") -> int:
    """Wait until half of the shards are kept and a worker of the node has begun a shard.  Returns its process."""
    while driver.poll() is None:
        if len(kept(out)) >= half and belongs(last := begun(log)[-1][1], node):
            return last
        time.sleep(0.002)
    written = (out.parent / "driver.log").read_text()[-2000:]
    sys.exit(f"the sweep ended before anything was killed: take more shards.\n{written}")


def row(kind: str, event: str, shards: int, table: bytes) -> bool:
    """Print what came of one kill.  Returns whether it is as it should be."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place, cluster(kind, Path(place)) as node:
        folder = Path(place)
        out, log = folder / "study", folder / "begun"
        command = [sys.executable, __file__, "--shards", str(shards), "--sweep", str(out), "--on", PLACES[kind]]
        started, driver = time.perf_counter(), begin(command, folder / "driver.log")
        try:
            last = middle(log, out, shards // 2, driver, node)
            before = kept(out)
            if event == "driver":
                kill([psutil.Process(driver.pid)])
                driver.wait()
                driver = begin(command, folder / "driver.log")
            else:
                kill(tree(node) if event == "node" else [psutil.Process(last)])
            code = driver.wait(LIMIT)
        finally:
            kill([one for one in tree(driver) if driver.poll() is None])
        seconds = time.perf_counter() - started
        if code:
            sys.exit(f"the sweep ended with status {code}:\n{(folder / 'driver.log').read_text()[-2000:]}")
        again = {name: count - 1 for name, count in Counter(name for name, _ in begun(log)).items() if count > 1}
        same = (out / "table.csv").read_bytes() == table
    print(
        f"| {kind} | {event} | {len(before)} of {shards} | {sum(again.values())} | {len(before & again.keys())} "
        f"| {seconds:.1f} | {'yes' if same else 'NO'} |",
        flush=True,
    )
    return same and not before & again.keys() and sum(again.values()) <= AHEAD * NODES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=PLACES, action="append", help="both unless given")
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--sweep", type=Path, help="be the driver: sweep into this folder")
    parser.add_argument("--on", help="by this engine")
    options = parser.parse_args()
    study = grid(options.shards)
    if options.sweep:
        found = iso.sweep(study, options.sweep, noting(engine(options.on), options.sweep.parent / "begun"))
        sys.exit("\n".join(one.error for one in found.failed) or bool(found.missing))
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        iso.sweep(study, place, engine(None, NODES))
        table = (Path(place) / "table.csv").read_bytes()
        print(f"undisturbed, {NODES} local processes: {time.perf_counter() - started:.1f} s\n")
    print("| engine | killed | after shards | computed again | of those kept before | seconds | table identical |")
    print("|---|---|---|---|---|---|---|", flush=True)
    good = [row(kind, event, options.shards, table) for kind in options.engine or PLACES for event in EVENTS]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
