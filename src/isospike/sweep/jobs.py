"""Shards as jobs of submitit, which hands them to Slurm or runs them on this machine, with the face of an executor."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from isospike.errors import InvalidSetting, first_line

PERIOD = 0.2  # s between two looks at what jobs have left; submitit asks Slurm itself less often


class Jobs(Executor):
    """A job a call.  A job that ends without an answer fails alone: the others go on.

    executor: of submitit.  name: that errors tell."""

    def __init__(self, executor: Any, name: str) -> None:
        self.executor, self.name = executor, name
        self.running: dict[Future[Any], Any] = {}
        self.lock, self.closed = threading.Lock(), threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Raises `InvalidSetting` where the scheduler does not take it."""
        try:
            job = self.executor.submit(answered, function, args, kwargs)
        except (RuntimeError, OSError) as error:  # submitit's own are of the first
            what = f"{self.name} takes no job: {first_line(error)}"
            remedy = "Choose another partition; sbatch also hears $SBATCH_ACCOUNT, $SBATCH_TIMELIMIT and their like."
            raise InvalidSetting(what, "A partition that this account may use.", remedy) from error
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self.lock:
            self.running[future] = job
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the jobs, or cancel them."""
        with self.lock:
            left = dict(self.running)
            if cancel_futures:
                self.running.clear()
        for future, job in left.items():
            if cancel_futures:
                job.cancel()
            elif wait:
                future.exception()
        self.closed.set()

    def _watch(self) -> None:
        while not self.closed.wait(PERIOD):
            with self.lock:
                ended = [future for future, job in self.running.items() if job.done()]
            for future in ended:
                with self.lock:
                    job = self.running.pop(future, None)
                if job is not None:
                    _settle(future, job)


def _settle(future: "Future[Any]", job: Any) -> None:
    try:
        found, error = job.result()
    except Exception as lost:  # submitit's: there is no result
        state, last = job.state, (job.stderr() or "").strip().splitlines()[-1:]
        said = f"job {job.job_id} ended without an answer ({state}): killed, out of memory or out of time"
        found, error = None, ChildProcessError("; ".join([said, *last])).with_traceback(lost.__traceback__)
    settle(future, found, error)


def settle(future: "Future[Any]", found: Any, error: BaseException | None) -> None:
    """End a future with what was found, or with the error."""
    if error is None:
        future.set_result(found)
    else:
        future.set_exception(error)


def answered(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """What a call gives, or the error that it raises.  submitit would hand that on as text, Ray in an error of its
    own, whose first line does not say it."""
    try:
        return function(*args, **kwargs), None
    except Exception as error:
        return None, error
