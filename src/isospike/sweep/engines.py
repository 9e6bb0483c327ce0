"""Table of contents: what computes the shards, as `concurrent.futures` executors."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from isospike.errors import InvalidSetting, first_line
from isospike.store import folder, home
from isospike.sweep.jobs import Jobs, answered, settle
from isospike.sweep.parcels import Parcel, Put, Scattered

PATIENCE = 5  # s that a scheduler may take to answer
JOINING = 60  # s until a cluster has its first worker
Engine = Callable[[], AbstractContextManager["Opened"]]
TIME = 4 * 60  # minutes of a job; $SBATCH_TIMELIMIT holds instead where it is set
AHEAD = 2  # shards in flight for each that is computed at a time, so that no worker waits for the driver
JOBS = 32  # of a scheduler that takes any number
KNOWN = "Local processes (leave --on out), dask://HOST:PORT, ray://HOST:PORT, slurm://PARTITION, submitit://local."


class Opened(NamedTuple):
    """
    | field      | meaning                                                                                   |
    |------------|-------------------------------------------------------------------------------------------|
    | `executor` | that computes shards                                                                      |
    | `workers`  | how many it computes at a time                                                            |
    | `put`      | brings bytes to whoever asks for them, or raises `OSError`; None where all see this process' files |
    """

    executor: Executor
    workers: int
    put: Callable[[bytes], Parcel] | None = None


def engine(on: str | None = None, workers: int | None = None) -> Engine:
    """What opens the executor of a name; it is opened again after it broke.

    on: dask://HOST:PORT, ray://HOST:PORT, slurm://PARTITION, submitit://local (its jobs on this machine); local
    processes unless given.  workers: local processes or jobs at a time, as many as there are cores, of Slurm `JOBS`,
    unless given.  Raises `InvalidSetting`."""
    if on is None:
        return partial(processes, workers or os.cpu_count() or 1)
    place = urlsplit(on)
    if place.scheme == "slurm" and place.netloc:
        return partial(jobs, "slurm", on, workers or JOBS, slurm_partition=place.netloc)
    if on == "submitit://local":
        return partial(jobs, "local", on, workers or os.cpu_count() or 1)
    try:
        open_it, port = ENGINES[place.scheme], place.port
    except (KeyError, ValueError):
        open_it, port = None, None
    if open_it is None or not place.hostname or not port:
        raise InvalidSetting(f"engine `{on}` is not known.", KNOWN, "Write: --on dask://127.0.0.1:8786.")
    if workers is not None:
        what = f"{workers} workers are asked for beside {on}."
        raise InvalidSetting(what, "The workers that the cluster has.", "Leave --workers out.")
    return partial(open_it, place.hostname, port)


@contextmanager
def processes(workers: int) -> Iterator[Opened]:
    """Processes of this machine, begun afresh: a fork of a process that has threads can hang."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _follow)
    try:
        yield Opened(pool, workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _follow() -> None:
    """End with the process that began this one, also if that is killed and cannot say so."""

    def end() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=end, daemon=True).start()


@contextmanager
def dask(host: str, port: int) -> Iterator[Opened]:
    """The workers of a Dask scheduler."""
    try:
        from distributed import Client
    except ImportError as error:
        raise _lacking("dask") from error
    _reached("dask", host, port)
    try:
        client = Client(f"tcp://{host}:{port}", timeout=PATIENCE)
    except (OSError, TimeoutError) as error:
        raise _silent("dask", host, port, error) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=JOINING)
        except TimeoutError as error:
            what = f"the scheduler dask://{host}:{port} has no worker."
            raise InvalidSetting(what, "One or more.", f"Start some: dask worker tcp://{host}:{port}.") from error
        workers = sum(client.nthreads().values())
        yield Opened(
            client.get_executor(pure=False), workers, lambda found: Scattered(client.scatter(found, hash=False))
        )


@contextmanager
def ray(host: str, port: int) -> Iterator[Opened]:
    """The nodes of a Ray cluster, by the port of its client server (10001)."""
    try:
        import ray as cluster
    except ImportError as error:
        raise _lacking("ray") from error
    _reached("ray", host, port)
    try:
        context = cluster.init(f"ray://{host}:{port}", log_to_driver=False)
    except (ConnectionError, ImportError, RuntimeError, TimeoutError) as error:
        raise _silent("ray", host, port, error) from error
    with context:
        # Ray's own retries are left out: retries are counted here.
        remote = cluster.remote(num_cpus=1, max_retries=0)(answered)
        workers = int(cluster.cluster_resources().get("CPU", 1))
        yield Opened(_Ray(remote, cluster.is_initialized), workers, Put.of)


@contextmanager
def jobs(cluster: str, name: str, workers: int, **more: str) -> Iterator[Opened]:
    """Jobs of Slurm, or on this machine, by submitit.  What it writes lies in the user's cache, which the nodes have
    to see, and is removed afterwards."""
    try:
        import submitit
    except ImportError as error:
        raise _lacking("submitit") from error
    with TemporaryDirectory(dir=folder(home() / "jobs"), ignore_cleanup_errors=True) as place:
        try:
            executor = submitit.AutoExecutor(place, cluster)
        except RuntimeError as error:
            what = f"no scheduler answers at {name}: {first_line(error)}"
            remedy = "Start the sweep where sbatch and srun are; or leave --on out."
            raise InvalidSetting(what, KNOWN, remedy) from error
        executor.update_parameters(name="isospike", cpus_per_task=1, timeout_min=TIME, **more)
        running = Jobs(executor, name)
        try:
            yield Opened(running, -(-workers // AHEAD))
        finally:
            running.shutdown(cancel_futures=True)


class _Ray(Executor):
    """Ray's remote functions with the face of an executor."""

    def __init__(self, remote: Any, connected: Callable[[], bool]) -> None:
        self.remote, self.connected = remote, connected

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if not self.connected():  # Ray would look for another cluster, for minutes
            raise BrokenExecutor("the connection to the cluster is lost")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self.remote.remote(function, args, kwargs).future().add_done_callback(partial(_settle, future))
        return future


def _settle(future: "Future[Any]", answer: "Future[Any]") -> None:
    try:
        found, error = answer.result()
    except Exception as lost:  # Ray's: there is no answer
        found, error = None, lost
    settle(future, found, error)


ENGINES: dict[str, Callable[[str, int], AbstractContextManager[Opened]]] = {"dask": dask, "ray": ray}


def _reached(kind: str, host: str, port: int) -> None:
    """Raise `InvalidSetting` where nothing listens; the clients themselves would try for long."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        raise _silent(kind, host, port, error) from error


def _silent(kind: str, host: str, port: int, error: Exception) -> InvalidSetting:
    started = {"dask": "dask scheduler", "ray": "ray start --head --ray-client-server-port=10001"}[kind]
    what = f"no scheduler answers at {kind}://{host}:{port}: {first_line(error)}"
    return InvalidSetting(what, KNOWN, f"Start it: {started}; or leave --on out.")


def _lacking(kind: str) -> InvalidSetting:
    what = f"{kind} is not installed."
    return InvalidSetting(what, KNOWN, "Install it here and on the cluster: pip install 'isospike[cluster]'.")
