"""A study computed: what is missing is handed to an executor, and kept as it comes."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from isospike.errors import InvalidSetting, IsospikeError, first_line
from isospike.ir.typed import Count, expect
from isospike.sweep.engines import AHEAD, Engine, Opened, engine
from isospike.sweep.grid import Study
from isospike.sweep.kept import Kept
from isospike.sweep.node import Absent, compute, copies, network_copy
from isospike.sweep.parcels import Parcel
from isospike.sweep.shard import Shard, run
from isospike.sweep.table import write_table
from isospike.train.logs import go_on, log, loggers_of

LOST = "what it reads did not arrive"
CRASHED = "the process that computed it ended without an answer: killed, crashed, or out of memory"
Advance = Callable[[int], None]
Row = dict[str, Any]
Found = Row | Absent
Tell = Callable[[Shard, Row], None]


@dataclass(frozen=True)
class Failure:
    """A shard that was given up, and why."""

    shard: Shard
    error: str


@dataclass(frozen=True)
class Swept:
    """How far a study is.

    | field      | meaning                                                                    |
    |------------|----------------------------------------------------------------------------|
    | `rows`     | of the shards that are computed, in the order of the grid                  |
    | `failed`   | shards that were given up                                                  |
    | `missing`  | how many are neither                                                       |
    | `computed` | how many were computed by this call                                        |
    """

    rows: list[Row]
    failed: list[Failure]
    missing: int
    computed: int = 0

    def __repr__(self) -> str:
        return f"Swept({len(self.rows)} rows, {len(self.failed)} failed, {self.missing} missing)"


def sweep(
    study: Study,
    folder: str | Path,
    executor: Executor | Engine | None = None,
    retries: int = 2,
    progress: Advance | None = None,
    loggers: Any = (),
) -> Swept:
    """Compute the shards of a study that a folder does not have yet, and write its table there: table.csv, table.md.

    executor: any of `concurrent.futures`, or what opens one (`isospike.sweep.engine`), again where workers crashed;
    processes of this machine unless given.  retries: how often a shard that failed is computed again; what is refused
    is refused at once.  progress: is handed how many shards more are done.  loggers: Lightning's, one or several, are
    told the figures of each shard when it is computed; the step is its place in the grid, from 1 on.  Raises
    `InvalidSetting` where another sweep is at work in the folder, where the executor is given and broke, or no
    scheduler is there; `InvalidFile` where a result cannot be written."""
    expect("sweep", "study", study, Study)
    expect("sweep", "retries", retries, Count)
    kept, advance = Kept(Path(folder)), progress or (lambda _: None)
    told = loggers_of(loggers) if loggers else []
    with kept.locked():
        missing = unfinished(study, folder)
        steps = {shard.name: step for step, shard in enumerate(study.shards, 1)}
        if told:
            before = [
                (step, kept.row(shard)) for step, shard in enumerate(study.shards, 1) if steps[shard.name] == step
            ]
            go_on(told, [_figures(step, row) for step, row in before if row is not None])
        advance(len({shard.name for shard in study.shards}) - len(missing))

        def tell(shard: Shard, row: Row) -> None:
            log(told, _figures(steps[shard.name], row))

        with _Driver(kept, _opening(executor), retries, advance, tell) as driver:
            if missing:
                driver.compute(missing)
        swept = status(study, folder, driver.computed)
        write_table(swept.rows, kept.root)
    return swept


def _figures(step: int, row: Row) -> dict[str, float]:
    """What a logger is told of a shard: its numbers."""
    return {"epoch": step} | {name: value for name, value in row.items() if isinstance(value, int | float)}


def unfinished(study: Study, folder: str | Path) -> list[Shard]:
    """The shards that a folder has no figures of."""
    wanted = {shard.name: shard for shard in study.shards}  # two names of one network are one shard
    return [shard for shard in wanted.values() if Kept(Path(folder)).row(shard) is None]


def status(study: Study, folder: str | Path, computed: int = 0) -> Swept:
    """How far a study is in a folder, which may be at work."""
    kept = Kept(Path(folder))
    rows, failed, missing = [], [], 0
    for shard in study.shards:
        row, error = kept.found(shard)
        if row is not None:
            rows.append(shard.told() | row)
        elif error is not None:
            failed.append(Failure(shard, error))
        else:
            missing += 1
    return Swept(rows, failed, missing, computed)


def _opening(executor: Executor | Engine | None) -> Engine:
    if isinstance(executor, Executor):
        opened = Opened(executor, cpu_count() or 1)
        return lambda: nullcontext(opened)
    return executor or engine()


class _Driver:
    """Hands out shards, and keeps what comes back."""

    def __init__(self, kept: Kept, opening: Engine, retries: int, advance: Advance, tell: Tell) -> None:
        self.kept, self.opening, self.retries, self.advance, self.tell = kept, opening, retries, advance, tell
        self.tried: Counter[str] = Counter()
        self.computed = 0
        self.open = ExitStack()
        self.opened: Opened | None = None
        self.waiting: deque[Shard] = deque()
        self.sent: dict[str, dict[str, Parcel]] = {}  # by shards that are in flight or wait
        self.parcels: WeakValueDictionary[str, Parcel] = WeakValueDictionary()  # which these hold

    def __enter__(self) -> "_Driver":
        return self

    def __exit__(self, *_: Any) -> None:
        self.open.close()

    def compute(self, shards: Iterable[Shard]) -> None:
        """All of them; those that were in flight when workers crashed one by one, to see which one did it."""
        self.waiting.extend(shards)
        while self.waiting:
            for suspect in self._together():
                self._alone(suspect)

    def _together(self) -> list[Shard]:
        """Compute what waits, until it is done or the executor breaks.  Returns what was in flight then."""
        flying: dict[Future[Found], Shard] = {}
        lost: list[Shard] = []
        broken = False
        try:
            while self.waiting or flying:
                while self.waiting and not broken and len(flying) < AHEAD * self._executor().workers:
                    future = self._submitted(self.waiting[0])
                    broken = future is None
                    if future is not None:
                        flying[future] = self.waiting.popleft()
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    shard = flying.pop(future)
                    if not self._took(future, shard):
                        lost.append(shard)
                broken = broken or bool(lost)
                if broken and not flying:
                    self._renew()
                    break
        finally:
            for future in flying:
                future.cancel()
        return lost

    def _alone(self, shard: Shard) -> None:
        while True:
            future = self._submitted(shard)
            if future is not None and self._took(future, shard):
                return
            self._renew()
            if future is not None and self._given_up(shard, CRASHED):
                return

    def _submitted(self, shard: Shard) -> "Future[Found] | None":
        """A shard on its way; None where the executor broke before, or was shut down."""
        executor, _, put = self._executor()
        try:
            if put is None:
                return executor.submit(run, shard)
            return executor.submit(compute, shard, network_copy(shard), self.sent.get(shard.name, {}))
        except RuntimeError:
            return None

    def _took(self, future: "Future[Found]", shard: Shard) -> bool:
        """Keep what came of a shard.  Returns whether anything came: not if the executor broke."""
        try:
            found = future.result()
        except (BrokenExecutor, CancelledError, ConnectionError):  # the last: a cluster that is gone
            return False
        except IsospikeError as error:  # it would be refused again
            self._fail(shard, f"{type(error).__name__}: {' '.join(str(error).split())}")
        except Exception as error:  # of the engine, or of what a user handed in
            if not self._given_up(shard, f"{type(error).__name__}: {first_line(error)}"):
                self.waiting.append(shard)
        else:
            if isinstance(found, Absent):
                self._send(shard, found.names)
            else:
                self.kept.keep(shard, row=found)
                self.tell(shard, found)
                self.computed += 1
                self._done(shard)
        return True

    def _send(self, shard: Shard, names: Iterable[str]) -> None:
        """Hand a shard out again, with what its node does not have; bytes are put once for all that wait for them."""
        sent = self.sent.setdefault(shard.name, {})
        if any(name in sent for name in names) and self._given_up(shard, LOST):
            return
        put, made = self._executor().put, copies(shard)
        for name in names:
            parcel = self.parcels.get(name)
            if put is not None and (parcel is None or parcel is sent.get(name)):
                content = made[name]()
                try:
                    parcel = self.parcels[name] = put(content)
                except OSError as error:  # the worker that was to hold it is gone: the node asks again
                    if not self._given_up(shard, f"{LOST}: {first_line(error)}"):
                        self.waiting.appendleft(shard)
                    return
            if parcel is not None:
                sent[name] = parcel
        self.waiting.appendleft(shard)

    def _given_up(self, shard: Shard, error: str) -> bool:
        self.tried[shard.name] += 1
        if self.tried[shard.name] <= self.retries:
            return False
        self._fail(shard, f"{error} (tried {self.tried[shard.name]} times)")
        return True

    def _fail(self, shard: Shard, error: str) -> None:
        self.kept.keep(shard, error=error)
        self._done(shard)

    def _done(self, shard: Shard) -> None:
        self.sent.pop(shard.name, None)
        self.advance(1)

    def _executor(self) -> Opened:
        if self.opened is None:
            self.opened = self.open.enter_context(self.opening())
        return self.opened

    def _renew(self) -> None:
        """Open the engine again.  Raises `InvalidSetting` where it is an executor that was handed in."""
        before = self._executor()
        self.open.close()
        self.opened = None
        self.sent.clear()
        if self._executor().executor is before.executor:
            what = "the executor that was handed in broke: a worker crashed, or it was shut down."
            remedy = "Call again with a new one: what is done is kept."
            raise InvalidSetting(what, "An executor that is open, or what opens one: isospike.sweep.engine().", remedy)
