"""On a cluster networks and samples travel by content: a node that has no file of the study computes it, and fetches
each content once."""

import pickle
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import isospike as iso
from isospike.data import Data, open_data
from isospike.errors import InvalidData
from isospike.sweep import Study, node
from isospike.sweep import shard as room
from isospike.sweep.content import packed, samples_hash, unpacked
from isospike.sweep.engines import Opened
from isospike.sweep.parcels import Parcel

CODE = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
"""
CLOUD: dict[int, bytes] = {}  # what was put, by number
GOT: Counter[int] = Counter()  # how often it was fetched


class Number(Parcel):
    """Travels as a number; another process would find the bytes at the cluster."""

    def __init__(self, number: int) -> None:
        self.number = number

    def get(self) -> bytes | None:
        GOT[self.number] += 1
        return CLOUD.get(self.number)


class Node(Executor):
    """Computes at once, from pickled arguments, in a place without any file of the study."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch) -> None:
        self.place, self.patch, self.largest = place, patch, 0
        (place / "empty").mkdir(parents=True)

    def submit(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> "Future[Any]":
        sent = pickle.dumps(args)
        self.largest = max(self.largest, len(sent))
        future: Future[Any] = Future()
        with self.patch.context() as patch:
            patch.chdir(self.place / "empty")
            patch.setenv("ISOSPIKE_DATA", str(self.place / "empty"))
            patch.setenv("ISOSPIKE_CACHE", str(self.place / "cache"))
            future.set_result(function(*pickle.loads(sent)))
        return future


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study whose network and samples are files of the driver's directory."""
    CLOUD.clear()
    GOT.clear()
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(CODE)
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (60, 4, 4), dtype=np.uint8), draw.integers(0, 3, 60)
    np.savez("own.npz", train_images=images, train_labels=labels, test_images=images[::-1], test_labels=labels[::-1])
    return Study(("net.py:make",), "own.npz", ("ttfs", "rate"), ((0, 20), (20, 60)), (2,), calibration=30)


def opening(executor: Executor, put: Callable[[bytes], Parcel] | None = None) -> Callable[[], Any]:
    def brought(content: bytes) -> Parcel:
        CLOUD[len(CLOUD)] = content
        return Number(len(CLOUD) - 1)

    @contextmanager
    def opened() -> Iterator[Opened]:
        yield Opened(executor, 2, put or brought)

    return opened


def table(grid: Study, folder: str, *more: Any) -> bytes:
    found = iso.sweep(grid, folder, *more)
    assert not found.failed and not found.missing
    return (Path(folder) / "table.csv").read_bytes()


def test_a_node_without_files_gives_the_table_of_local_runs_and_fetches_each_content_once(
    grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Node(tmp_path / "one", monkeypatch)
    assert table(grid, "there", opening(one)) == table(grid, "here", ThreadPoolExecutor(1))
    assert len(CLOUD) == 4 and set(GOT.values()) == {1} and len(GOT) == 4  # network, calibration, two ranges
    assert one.largest < 2000  # bytes of a shard: hashes
    more = replace(grid, steps=(2, 4), constraints=({}, {"weight_bits": 4}))
    assert table(more, "there", opening(one)) == table(more, "here", ThreadPoolExecutor(1))
    assert len(CLOUD) == 4 and GOT.total() == 4
    two = Node(tmp_path / "two", monkeypatch)
    assert table(more, "other", opening(two)) == table(more, "here", ThreadPoolExecutor(1))
    assert len(CLOUD) == 8 and set(GOT.values()) == {1}
    kept = {path.name for path in (tmp_path / "two" / "cache" / "copies").iterdir() if path.suffix != ".lock"}
    assert kept == set(node.copies(grid.shards[0])) | set(node.copies(grid.shards[1])) and len(kept) == 4


def test_a_copy_that_was_damaged_is_fetched_again(
    grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Node(tmp_path / "one", monkeypatch)
    table(grid, "a", opening(one))
    copies = [path for path in (tmp_path / "one" / "cache" / "copies").iterdir() if path.suffix != ".lock"]
    whole = {path: path.read_bytes() for path in copies}
    for number, (path, content) in enumerate(whole.items(), 1):
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if number % 2 else content[:50])
        assert table(grid, f"again{number}", opening(one)) == table(grid, "a", ThreadPoolExecutor(1))
        assert GOT.total() == 4 + number and path.read_bytes() == content


def test_what_got_lost_is_put_again_and_in_the_end_said(
    grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the worker that held it is killed."""
    lost = Counter[bytes]()

    def put(content: bytes) -> Parcel:
        lost[content] += 1
        if lost[content] > 1:
            CLOUD[len(CLOUD)] = content
        return Number(len(CLOUD) - 1 if lost[content] > 1 else -1)

    one = Node(tmp_path / "one", monkeypatch)
    assert table(grid, "a", opening(one, put)) == table(grid, "here", ThreadPoolExecutor(1))
    assert set(lost.values()) == {2} and GOT[-1] == 4 * 3  # by each shard, for each of its three
    two = Node(tmp_path / "two", monkeypatch)
    found = iso.sweep(grid, "b", opening(two, lambda _: Number(-1)), retries=1)
    assert {one.error for one in found.failed} == {"what it reads did not arrive (tried 2 times)"}
    assert len(found.failed) == 4


def test_what_cannot_be_put_is_tried_again(grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the worker that is to hold it dies meanwhile."""
    tried = 0

    def put(content: bytes) -> Parcel:
        nonlocal tried
        tried += 1
        if tried in (1, 4):
            raise OSError("Stream is closed")
        CLOUD[len(CLOUD)] = content
        return Number(len(CLOUD) - 1)

    def never(_: bytes) -> Parcel:
        raise OSError("Stream is closed")

    one = Node(tmp_path / "one", monkeypatch)
    assert table(grid, "a", opening(one, put)) == table(grid, "here", ThreadPoolExecutor(1)) and tried == 6
    found = iso.sweep(grid, "b", opening(Node(tmp_path / "two", monkeypatch), never), retries=1)
    said = "what it reads did not arrive: Stream is closed (tried 2 times)"
    assert len(found.failed) == 4 and {one.error for one in found.failed} == {said}


def test_workers_of_a_node_fetch_once(tmp_path: Path) -> None:
    path, gate = tmp_path / f"{node.file_hash(Path(__file__))}.py", threading.Barrier(3)

    class Slow(Parcel):
        def get(self) -> bytes | None:
            GOT[0] += 1
            time.sleep(0.2)
            return Path(__file__).read_bytes()

    def fetch(_: int) -> bool:
        gate.wait()
        return node._kept(path, Slow())

    GOT.clear()
    with ThreadPoolExecutor(3) as workers:
        assert all(workers.map(fetch, range(3)))
    assert GOT.total() == 1 and path.read_bytes() == Path(__file__).read_bytes()


def test_only_contents_of_shards_in_flight_are_held(
    grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ranges a study has."""
    held: weakref.WeakSet[Parcel] = weakref.WeakSet()
    most = 0

    def put(content: bytes) -> Parcel:
        nonlocal most
        CLOUD[len(CLOUD)] = content
        held.add(made := Number(len(CLOUD) - 1))
        most = max(most, len(held))
        return made

    many = replace(grid, images=tuple((i, i + 1) for i in range(40)))
    one = Node(tmp_path / "one", monkeypatch)
    table(many, "a", opening(one, put))
    assert len(CLOUD) == 42 and GOT.total() == 42
    assert most <= 2 + 4 and not held  # four shards are in flight, of a range each


def test_samples_are_packed_as_they_are_stored(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (9, 7), (i * 40, 5, 250)).save(tmp_path / "images" / kind / f"{i}.png")
    flowers = Data("flowers", torch.rand(5, 4, dtype=torch.float64), torch.rand(5, 2))
    grey = open_data("mnist-sample", False, None, ((0.1,), (0.3,))).first(7).rest(2)
    loaded = open_data(str(tmp_path / "images"), False, None, ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)), 5)
    odd = Data("odd", torch.randint(0, 255, (3, 2, 5, 3), dtype=torch.uint8), None)
    for number, data in enumerate((flowers, grey, loaded, odd)):
        (path := tmp_path / str(number)).write_bytes(packed(data))
        found = unpacked(path)
        assert samples_hash(found) == samples_hash(data) and packed(found) == packed(data)
        assert vars(found.preprocessing) == vars(data.preprocessing)
        assert [float(end.sum()) for end in found.input_range()] == [float(end.sum()) for end in data.input_range()]
    path.write_bytes(b"no samples")
    with pytest.raises(InvalidData, match="holds no samples"):
        unpacked(path)


def test_a_network_that_is_installed_does_not_travel(
    grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = replace(grid, networks=("isospike.zoo:lenet5",), data="mnist-sample", methods=("ttfs",))
    one = Node(tmp_path / "one", monkeypatch)
    assert table(zoo, "there", opening(one)) == table(zoo, "here", ThreadPoolExecutor(1))
    assert len(CLOUD) == 3


def test_an_exported_network_travels(grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    batch = torch.export.Dim("batch")
    torch.export.save(
        torch.export.export(model, (torch.rand(2, 1, 4, 4),), dynamic_shapes=({0: batch},)), tmp_path / "net.pt2"
    )
    saved = replace(grid, networks=("net.pt2",), methods=("ttfs",))
    one = Node(tmp_path / "one", monkeypatch)
    there = table(saved, "there", opening(one))
    room._conversion.cache_clear()
    assert there == table(saved, "here", ThreadPoolExecutor(1)) and len(CLOUD) == 4


def test_a_file_that_changed_is_read_again(grid: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Node(tmp_path / "one", monkeypatch)
    before = table(grid, "a", opening(one))
    with np.load("own.npz") as file:
        arrays = dict(file)
    np.savez("own.npz", **arrays | {"test_images": 255 - arrays["test_images"]})
    again = replace(grid, calibration=30)
    after = table(again, "b", opening(one))
    assert after != before and after == table(again, "c", ThreadPoolExecutor(1))
    assert len(CLOUD) == 6  # both ranges anew
