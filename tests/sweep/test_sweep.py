"""A study is computed once, whatever interrupts it and whoever computes it; what cannot be computed is said."""

import csv
import errno
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import isospike as iso
import isospike_cli
from isospike.data import open_data
from isospike.errors import InvalidData, InvalidFile, InvalidModel, InvalidSetting
from isospike.sweep import Study, engine, run, status
from isospike.sweep import shard as room
from isospike.sweep.engines import Opened, _Ray
from isospike.sweep.grid import WRITTEN
from isospike.sweep.jobs import answered
from isospike.sweep.kept import Kept
from isospike.sweep.shard import drawn
from isospike.zoo import lenet5

CODE = """
import os
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
        generator = torch.Generator().manual_seed(SEED)
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=generator) / 8

def smooth():
    return nn.Sequential(*list(Net())[:2], nn.GELU(), Net()[3])

def deadly():
    if os.path.exists(LIVES):
        os._exit(3)
    return Net()
"""


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "net.py"
    path.write_text(CODE.replace("SEED", "1"))
    return f"{path}:Net"


def study(net: str, **more: Any) -> Study:
    given: dict[str, Any] = {"methods": ("ttfs", "rate"), "images": ((0, 4), (4, 8)), "steps": (2, 4)}
    return Study(**{"networks": (net,), "data": "mnist-sample", "calibration": 20} | given | more)


class Shuffled(Executor):
    """Computes at once, counts, and hands back in an order of its own."""

    def __init__(self, seed: int = 0) -> None:
        self.seen: list[str] = []
        self.random = random.Random(seed)
        self.held: list[tuple[Future[Any], Any]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        self.seen.append(args[0].name)
        self.held.append((future := Future(), function(*args)))
        threading.Timer(0.05, self._hand).start()
        return future

    def _hand(self) -> None:
        future, found = self.held.pop(self.random.randrange(len(self.held)))
        if future.set_running_or_notify_cancel():
            future.set_result(found)


def test_a_row_is_what_converting_and_simulating_by_hand_gives(tmp_path: Path) -> None:
    grid = study(
        "isospike.zoo:lenet5", images=((3, 9),), constraints=({}, {"weight_bits": 3, "weight_noise": 0.05}), seeds=(5,)
    )
    found = iso.sweep(grid, tmp_path, ThreadPoolExecutor(1))
    train, test = (open_data("mnist-sample", train=t) for t in (True, False))
    x, labels = next(test.batches(9))
    x, labels = x[3:], labels[3:]
    model = lenet5()
    with torch.no_grad():
        expected = model(x).double()
    conversion = iso.Conversion(model, train.first(20))
    rows = iter(found.rows)
    for coding in (iso.TTFS(), iso.Rate(steps=2), iso.Rate(steps=4)):
        for hardware in ([], [iso.WeightNoise(0.05, seed=5), iso.WeightBits(3)]):
            row = next(rows)
            network = conversion.network(coding, torch.float32)
            if hardware:
                # The order in which they act is the command line's: bits, then noise.
                network = iso.constrain(network, hardware[::-1], train.first(20))
            out = iso.simulate(network, x).readout.double()
            assert row["samples"] == 6 and row["seed"] == 5 and (row["begin"], row["end"]) == (3, 9)
            assert row["agreement"] == float((out.argmax(1) == expected.argmax(1)).double().mean())
            assert row["accuracy"] == float((out.argmax(1) == labels).double().mean())
            assert row["max_abs_error"] == pytest.approx(float((out - expected).abs().max()), rel=1e-3, abs=1e-6)
            error = float(((out - expected).square().sum() / expected.square().sum()).sqrt())
            assert row["relative_error"] == pytest.approx(error, rel=1e-3, abs=1e-7)
            figures = iso.measure(network, x)
            assert row["synaptic_operations"] == pytest.approx(figures["synaptic_operations"], rel=1e-12)
            assert row["energy_spiking_nj"] == pytest.approx(figures["energy_spiking_nj"], rel=1e-12)
    assert next(rows, None) is None and len({row["relative_error"] for row in found.rows}) == 6


def test_what_draws_draws_by_its_seed_and_range(net: str, tmp_path: Path) -> None:
    grid = study(net, methods=("diehl2015-data",), steps=(8,), seeds=(0, 1), images=((0, 4), (4, 8)))
    first, second = (iso.sweep(grid, tmp_path / at, Shuffled(seed)).rows for at, seed in (("a", 0), ("b", 1)))
    assert first == second
    errors = {(row["seed"], row["begin"]): row["relative_error"] for row in first}
    assert errors[0, 0] != errors[1, 0] and len(set(errors.values())) == 4
    assert len({drawn(seed, begin) for seed in range(9) for begin in range(9)}) == 81


def test_any_order_gives_the_same_bytes(net: str, tmp_path: Path) -> None:
    tables = set()
    for seed in range(3):
        iso.sweep(study(net), tmp_path / str(seed), Shuffled(seed))
        tables.add(tuple((tmp_path / str(seed) / name).read_bytes() for name in ("table.csv", "table.md")))
    ((table, _),) = tables
    lines = [line.split(",")[1:7] for line in table.decode().splitlines()[1:]]
    assert [(method, steps, begin) for method, steps, _, _, begin, _ in lines] == [
        (method, steps, begin)
        for method, steps in (("ttfs", ""), ("rate", "2"), ("rate", "4"))
        for begin in ("0", "4")
    ]


def test_a_resume_computes_what_is_missing(net: str, tmp_path: Path) -> None:
    grid, place, first, again = (
        study(net, images=tuple((i, i + 1) for i in range(8))),
        tmp_path / "a",
        Shuffled(),
        Shuffled(),
    )
    done = 0

    def interrupt(n: int) -> None:
        nonlocal done
        if (done := done + n) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        iso.sweep(grid, place, first, progress=interrupt)
    kept = {path.stem for path in (place / "shards").iterdir()}
    assert len(kept) == 5 and kept < set(first.seen) < {shard.name for shard in grid.shards}
    before = status(grid, place)
    assert (len(before.rows), before.missing, before.failed) == (5, 19, [])
    found = iso.sweep(grid, place, again)
    assert found.computed == len(again.seen) == 19 and not kept & set(again.seen) and len(found.rows) == 24
    undisturbed = iso.sweep(grid, tmp_path / "b", Shuffled()).rows
    assert undisturbed == found.rows
    assert (tmp_path / "b" / "table.csv").read_bytes() == (place / "table.csv").read_bytes()


def test_a_study_that_grows_or_lies_elsewhere_keeps_what_it_has(net: str, tmp_path: Path) -> None:
    iso.sweep(study(net), tmp_path / "a", Shuffled())
    (tmp_path / "moved").mkdir()
    moved = Path(net[: -len(":Net")]).rename(tmp_path / "moved" / "net.py")
    more = Shuffled()
    found = iso.sweep(study(f"{moved}:Net", steps=(2, 4, 6)), tmp_path / "a", more)
    assert len(more.seen) == 2 == found.computed and len(found.rows) == 8
    (tmp_path / "a" / "shards" / f"{more.seen[0]}.json").write_text("{")  # a damaged disk
    assert iso.sweep(study(f"{moved}:Net", steps=(2, 4, 6)), tmp_path / "a", again := Shuffled()).computed == 1
    assert again.seen == more.seen[:1]
    moved.write_text(CODE.replace("SEED", "2"))  # other weights
    assert len(iso.sweep(study(f"{moved}:Net"), tmp_path / "a", other := Shuffled()).rows) == 6 == len(other.seen)


def test_a_shard_names_all_that_it_computes(net: str) -> None:
    names = [shard.name for grid in (
        study(net), study(net, seeds=(1,)), study(net, calibration=30), study(net, constraints=({"weight_bits": 4},)),
        study(net, constraints=({"weight_bits": 5},)), study(net, images=((8, 12),)), study(net, mean=(0.1,), std=(0.3,)),
        study("isospike.zoo:lenet5"), study(net, methods=("signed",)),
    ) for shard in grid.shards]  # fmt: skip
    assert len(set(names)) == len(names)


def test_a_shard_is_hashed_once(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid may have 100,000."""
    hashed: list[Any] = []
    real = room.key
    monkeypatch.setattr(room, "key", lambda told: hashed.append(told) or real(told))
    grid = study(net)
    for _ in range(3):
        status(grid, tmp_path)
    assert len(hashed) == len(grid.shards) == 6


def test_workers_that_hold_other_contents_refuse(net: str, tmp_path: Path) -> None:
    (shard, *_) = study(net).shards
    assert run(shard)["samples"] == 4
    Path(net[: -len(":Net")]).write_text(CODE.replace("SEED", "3"))
    room._conversion.cache_clear()
    room._network.cache_clear()
    with pytest.raises(InvalidModel, match="another network here"):
        run(shard)
    with pytest.raises(InvalidData, match="images 0 to 4 of `mnist-sample` are others"):
        run(replace(study(net).shards[0], images_hash="0" * 16))
    other = study(net).shards[0]
    with pytest.raises(InvalidData, match="the first 20 training samples"):
        run(replace(other, subject=replace(other.subject, calibration_hash="0" * 16)))


def test_a_shard_that_crashes_its_process_is_listed_and_the_others_are_done(net: str, tmp_path: Path) -> None:
    flag = tmp_path / "on"
    path = tmp_path / "deadly.py"
    path.write_text(CODE.replace("SEED", "1").replace("LIVES", repr(str(flag))))
    grid = study(f"{path}:deadly", methods=("ttfs",), images=((0, 2),))
    both = study(net, methods=("ttfs",), images=((0, 2), (2, 4), (4, 6), (6, 8)))
    both.__dict__["shards"] = (*grid.shards, *both.shards)
    flag.touch()  # from now on the one network ends whoever makes it
    found = iso.sweep(both, tmp_path / "s", engine(None, 1), retries=1)
    assert len(found.rows) == 4 and found.missing == 0
    ((failure),) = found.failed
    assert "ended without an answer" in failure.error and "(tried 2 times)" in failure.error
    assert failure.shard == grid.shards[0]
    kept = json.loads((tmp_path / "s" / "shards" / f"{failure.shard.name}.json").read_text())
    assert kept["error"] == failure.error and "row" not in kept
    flag.unlink()
    again = iso.sweep(both, tmp_path / "s", Shuffled())  # what failed is tried again
    assert again.computed == 1 and len(again.rows) == 5 and not again.failed


class Failing(Executor):
    """Fails every shard so often before it computes it."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.seen = times, error, Counter[str]()

    def submit(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.seen[args[0].name] += 1
        if self.seen[args[0].name] <= self.times:
            future.set_exception(self.error)
        else:
            future.set_result(function(*args))
        return future


def test_a_failed_shard_is_tried_as_often_as_stated(net: str, tmp_path: Path) -> None:
    fine = Failing(2, ValueError("a loose cable"))
    assert len(iso.sweep(study(net), tmp_path / "a", fine, retries=2).rows) == 6 and set(fine.seen.values()) == {3}
    bad = Failing(9, ValueError("a loose cable\nand more"))
    found = iso.sweep(study(net), tmp_path / "b", bad, retries=3)
    assert {one.error for one in found.failed} == {"ValueError: a loose cable (tried 4 times)"} and not found.rows
    assert set(bad.seen.values()) == {4} and len(found.failed) == 6
    refused = Failing(9, InvalidSetting("no such thing.", "Others."))
    assert {one.error for one in iso.sweep(study(net), tmp_path / "c", refused).failed} == {
        "InvalidSetting: no such thing. Others."
    }
    assert set(refused.seen.values()) == {1}


def test_an_executor_that_was_handed_in_and_broke(net: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"handed in broke[\s\S]*what is done is kept"):
        iso.sweep(study(net), tmp_path, Failing(9, BrokenExecutor("gone")))
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    with pytest.raises(InvalidSetting, match="handed in broke"):
        iso.sweep(study(net), tmp_path, closed)


def test_a_cluster_that_is_gone_is_asked_for_again(net: str, tmp_path: Path) -> None:
    """Shards that were in flight are no failures; where it does not come back, that is said."""
    opened: list[Executor] = []

    @contextmanager
    def cluster(times: int = 1) -> Iterator[Opened]:
        if len(opened) == 2:
            raise InvalidSetting("no scheduler answers")
        opened.append(Failing(9, ConnectionError("gone")) if len(opened) < times else Failing(0, ValueError()))
        yield Opened(opened[-1], 2)

    found = iso.sweep(study(net), tmp_path / "a", cluster, retries=0)
    assert len(found.rows) == 6 and not found.failed and len(opened) == 2
    opened.clear()
    with pytest.raises(InvalidSetting, match="no scheduler answers"):
        iso.sweep(study(net), tmp_path / "b", partial(cluster, 9))
    lost = _Ray(None, lambda: False)
    with pytest.raises(BrokenExecutor, match="lost"):
        lost.submit(run, None)


def test_what_ray_answers_says_its_cause() -> None:
    """Ray's own errors begin with the name of the task; they are left for what has no answer."""
    future: Future[Any] = Future()

    def call(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        future.set_result(answered(function, args, kwargs))
        return SimpleNamespace(future=lambda: future)

    executor = _Ray(SimpleNamespace(remote=call), lambda: True)
    error = executor.submit(int, "a loose cable").exception()
    assert type(error) is ValueError and "a loose cable" in str(error)
    future = Future()
    assert executor.submit(int, "7").result() == 7
    future = Future()
    lost = _Ray(SimpleNamespace(remote=lambda *_: SimpleNamespace(future=lambda: future)), lambda: True).submit(int)
    future.set_exception(OSError("the worker died"))
    assert str(lost.exception()) == "the worker died"


def test_a_full_disk_leaves_nothing_half_written(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, real = 0, os.fsync

    def full(descriptor: int) -> None:
        nonlocal written
        if (written := written + 1) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidFile, match=r"No space left on device[\s\S]*make room"):
        iso.sweep(study(net), tmp_path, Shuffled())
    kept = list((tmp_path / "shards").iterdir())
    assert len(kept) == 3 and all("row" in json.loads(path.read_text()) for path in kept)
    assert {path.name for path in tmp_path.iterdir()} <= {"shards", ".lock", "net.py", "__pycache__"}
    assert iso.sweep(study(net), tmp_path, Shuffled()).computed == 3


def test_two_drivers_of_one_folder(net: str, tmp_path: Path) -> None:
    with Kept(tmp_path).locked(), pytest.raises(InvalidSetting, match=r"another sweep is at work[\s\S]*--out"):
        iso.sweep(study(net), tmp_path, Shuffled())
    assert not (tmp_path / "shards").exists()
    other = "import sys, time; from pathlib import Path; from isospike.sweep.kept import Kept\n"
    other += "with Kept(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", other, str(tmp_path)], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None and driver.stdout.readline() == "held\n"
        with pytest.raises(InvalidSetting, match="another sweep"):
            iso.sweep(study(net), tmp_path, Shuffled())
        driver.kill()  # a lock does not outlive its driver
    assert len(iso.sweep(study(net), tmp_path, Shuffled()).rows) == 6


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"methods": ("rat",)}, r"method `rat` is not known[\s\S]*ttfs, "),
        ({"constraints": ({"weight_bit": 4},)}, r"constraint `weight_bit` is not known[\s\S]*weight_bits"),
        ({"constraints": ({"weight_bits": 0},)}, "WeightBits"),
        ({"constraints": ({"time_steps": 4},)}, r"TimeSteps has no meaning for `rate`[\s\S]*weight_bits, weight_noise"),
        ({"images": ((4, 4),)}, "images from 4 to 4 are none"),
        ({"images": ((0, 10_001),)}, r"images up to 10001[\s\S]*1000"),
        ({"images": ()}, "no images"),
        ({"networks": ()}, "no networks"),
        ({"calibration": 0}, "calibration = 0"),
        ({"steps": (4, 8, 4)}, "steps has 4 twice"),
        ({"images": ((0, 9), (0, 9))}, r"images has \(0, 9\) twice"),
        ({"steps": (0,)}, "Whole numbers from 1"),
        ({"steps": (1.5,)}, "steps"),
        ({"seeds": ("a",)}, "seeds"),
        ({"methods": "ttfs"}, "methods"),
    ],
    ids=str,
)  # fmt: skip
def test_a_study_that_asks_for_what_is_not(net: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        _ = study(net, **more).shards


def test_a_study_from_a_file(net: str, tmp_path: Path) -> None:
    path, lines = tmp_path / "study.toml", [
        f"networks = ['{net}']", "data = 'mnist-sample'", "methods = ['ttfs', 'rate']", "images = [[0, 4], [4, 8]]", "steps = [2, 4]", "calibration = 20",
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    assert Study.read(path) == study(net)
    path.write_text("\n".join([*lines, "constraints = [{}, {weight_bits = 4}]", "mean = [0.5]", "std = [0.5]"]))
    assert Study.read(path) == study(net, constraints=({}, {"weight_bits": 4}), mean=(0.5,), std=(0.5,))
    for text, error, said in (
        ([*lines, "step = 3"], InvalidSetting, r"sets `step`[\s\S]*steps"),
        (lines[1:], InvalidSetting, r"has no `networks`"),
        (
            [*lines[:4], "steps = '4'"],
            InvalidSetting,
            r"study.toml`: steps = \"4\" is not[\s\S]*steps: a list of whole",
        ),
        ([*lines[:4], "size = 1.5"], InvalidSetting, r"size = 1.5 is not[\s\S]*a whole number[\s\S]*size = 224"),
        ([*lines[:4], "constraints = [4]"], InvalidSetting, r"constraints = \[4\] is not[\s\S]*a list of tables"),
        ([*lines[:4], "seeds = [1979-05-27]"], InvalidSetting, r'seeds = \["1979-05-27"\] is not'),
        (
            [*lines[:3], "images = [[0, 4, 8]]"],
            InvalidSetting,
            r"images = \[\[0, 4, 8\]\] is not[\s\S]*a list of pairs",
        ),
        (
            [*lines, "constraints = [{weight_bits = 'x'}]"],
            InvalidSetting,
            r"constraint weight_bits = 'x'[\s\S]*whole number",
        ),
        ([*lines, "["], InvalidFile, "cannot be read"),
    ):
        path.write_text("\n".join(text))
        with pytest.raises(error, match=said):
            Study.read(path)
    with pytest.raises(InvalidFile, match=r"cannot be read[\s\S]*networks, data, methods, images"):
        Study.read(tmp_path / "none.toml")
    assert set(WRITTEN) == {one.name for one in fields(Study)}
    needed = {key: WRITTEN[key][1] for key in ("networks", "data", "methods", "images")}
    for key, (_, example) in WRITTEN.items():  # what is advised is taken, by itself
        more = {"mean": WRITTEN["mean"][1], "std": WRITTEN["std"][1]} if key in ("mean", "std") else {key: example}
        path.write_text("\n".join(f"{name} = {value}" for name, value in (needed | more).items()))
        Study.read(path)


def test_engines_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pbs://host:1", "dask", "dask://", "dask://host", "dask://host:port", "host:8786"):
        with pytest.raises(InvalidSetting, match=r"is not known[\s\S]*dask://HOST:PORT, ray://HOST:PORT"):
            engine(name)
    with pytest.raises(InvalidSetting, match="2 workers are asked for"):
        engine("dask://host:8786", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free once it is closed
    for kind, module in (("dask", "distributed"), ("ray", "ray")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(InvalidSetting, match=rf"{kind} is not installed[\s\S]*isospike\[cluster\]"):
            engine(f"{kind}://127.0.0.1:{port}")().__enter__()
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(Client=None))
        with pytest.raises(InvalidSetting, match=rf"no scheduler answers at {kind}://127.0.0.1:{port}") as caught:
            engine(f"{kind}://127.0.0.1:{port}")().__enter__()
        assert str(caught.value).count("\n") == 2


def test_a_logger_is_told_each_shard_once_by_its_place(net: str, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    path, place = tmp_path / "study.toml", tmp_path / "s"
    text = f"networks = ['{net}']\ndata = 'mnist-sample'\nmethods = ['ttfs', 'rate']\nimages = [[0, 4], [4, 8]]\n"

    def command(*args: str) -> Any:
        return CliRunner().invoke(isospike_cli.app("sweep"), [str(path), "--out", str(place), "--workers", "1", *args])

    for steps in ("2", "2, 4"):  # the second goes on
        path.write_text(f"{text}steps = [{steps}]\ncalibration = 20\n")
        assert command("--log", "csv").exit_code == 0
        table = list(csv.DictReader((place / "table.csv").read_text().splitlines()))
        logged = list(csv.DictReader((place / "csv" / "metrics.csv").read_text().splitlines()))
        assert sorted(int(row["step"]) for row in logged) == list(range(1, len(table) + 1))
        for row in logged:
            wanted = table[int(row.pop("step")) - 1]
            told = {name: float(value) for name, value in row.items() if value}
            assert told == {name: float(wanted[name]) for name in told} and "accuracy" in told
            assert {name for name in room.FIGURES if wanted[name]} <= told.keys()
    assert isinstance(command("--log", "csv", "--status").exception, InvalidSetting)
    assert isinstance(command("--log", "mlflow").exception, InvalidSetting)


def test_the_command(net: str, tmp_path: Path) -> None:
    path, smooth = tmp_path / "study.toml", net.replace("Net", "smooth")
    grid = f"networks = ['{net}', '{smooth}']\ndata = 'mnist-sample'\nmethods = ['ttfs']\nimages = [[0, 4]]\n"
    path.write_text(grid)

    def command(*args: str) -> Any:
        return CliRunner().invoke(isospike_cli.app("sweep"), [str(path), "--out", str(tmp_path / "s"), *args])

    assert "0 done, 0 failed, 2 missing" in command("--status").stdout and not (tmp_path / "s").exists()
    path.write_text(grid.replace(f", '{smooth}'", ""))
    foretold = command("--dry-run").stdout
    assert (
        re.match(r"1 shards of 4 images: about [\d.e-]+ s on one worker, ", foretold) and not (tmp_path / "s").exists()
    )
    assert isinstance(command("--dry-run", "--status").exception, InvalidSetting)
    path.write_text(grid)
    result = command("--workers", "1")
    assert result.exit_code == 1 and "1 done, 1 computed now, 1 failed, 0 missing" in result.stdout
    said = rf"(?i)failed: network={re.escape(smooth)} method=ttfs seed=0 begin=0 end=4: UnsupportedOperation: .*gelu.*Supported"
    assert re.search(said, result.stdout)
    told = command("--status")
    assert told.exit_code == 0 and "1 done, 1 failed, 0 missing" in told.stdout
    (row,) = csv.DictReader((tmp_path / "s" / "table.csv").read_text().splitlines())
    assert row["network"] == net and float(row["agreement"]) == 1.0
    assert isinstance(command("--on", "dask://127.0.0.1").exception, InvalidSetting)
