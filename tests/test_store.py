"""Files appear whole or not at all; what was computed is found again by its configuration, and only by it."""

import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from isospike.errors import InvalidFile, InvalidSetting
from isospike.store import LATER, Store, folder, home, opening, plain, spent, write


@dataclass(frozen=True)
class Recipe:
    name: str
    epochs: int = 3
    shape: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Other:
    name: str
    epochs: int = 3
    shape: tuple[int, ...] = (1, 2)


def test_a_later_field_is_in_the_key_where_it_says_something() -> None:
    @dataclass(frozen=True)
    class Recipe:
        name: str
        epochs: int = 3
        shape: tuple[int, ...] = (1, 2)
        momentum: float | None = field(default=None, metadata=LATER)
        after: "Recipe | None" = field(default=None, metadata=LATER)

    before = {"type": "Recipe", "name": "a", "epochs": 3, "shape": [1, 2]}
    assert plain(Recipe("a")) == before
    assert plain(Recipe("a", momentum=0.9, after=Recipe("b"))) == before | {
        "momentum": 0.9,
        "after": before | {"name": "b"},
    }


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", "τ")
    write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidFile, match="No space left"):
        write(tmp_path / "a", "half")
    assert (tmp_path / "a").read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 1


def test_what_others_may_read_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "a", "")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_two_writers_leave_one_of_two_files(tmp_path: Path) -> None:
    contents = [bytes([65 + i]) * 300_000 for i in range(4)]
    threads = [threading.Thread(target=lambda c=c: [write(tmp_path / "a", c) for _ in range(5)]) for c in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() in contents and len(list(tmp_path.iterdir())) == 1


def test_folders_that_cannot_be_made(tmp_path: Path) -> None:
    assert folder(tmp_path / "a" / "b").is_dir() and folder(tmp_path / "a" / "b").is_dir()
    write(tmp_path / "file", "")
    with pytest.raises(InvalidFile, match="cannot be made"):
        folder(tmp_path / "file" / "b")
    with pytest.raises(InvalidFile, match="No such file"):
        write(tmp_path / "none" / "a", "")


def test_an_entry_is_found_by_all_of_its_configuration(tmp_path: Path) -> None:
    store, made = Store(tmp_path), list[Path]()

    def make(path: Path) -> None:
        made.append(path)
        write(path, "result")

    first = store.kept("net", Recipe("net"), "result", make)
    assert store.kept("net", Recipe("net", 3, (1, 2)), "result", make) == first and made == [first]
    others = [Recipe("net", 4), Recipe("net", shape=(2, 1)), Other("net"), {"name": "net"}, None, [Recipe("net")]]
    assert len({first, *(store.kept("net", other, "result", make) for other in others)}) == 1 + len(others)
    assert store.kept("net", Recipe("net"), "other", make).parent == first.parent
    kept = json.loads((first.parent / "configuration.json").read_text())
    assert kept == {"type": "Recipe", "name": "net", "epochs": 3, "shape": [1, 2]}


def test_what_was_not_finished_is_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def interrupted(path: Path) -> None:
        write(path.parent / "checkpoint", "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.kept("net", 1, "result", interrupted)
    path = store.kept(
        "net", 1, "result", lambda path: write(path, (path.parent / "checkpoint").read_text() + " and whole")
    )
    assert path.read_text() == "half and whole"


def test_what_was_opened_is_known_and_what_it_took(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def work(path: Path) -> None:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        if not (path.parent / "begun").exists():
            (path.parent / "begun").touch()
            raise KeyboardInterrupt
        write(path, "done")

    store.kept("before", 1, "file", lambda path: write(path, ""))
    with opening() as entries:
        with pytest.raises(KeyboardInterrupt):
            store.kept("slow", 2, "file", work)
        once = spent(entries[0])
        store.kept("slow", 2, "file", work)
        store.kept("slow", 2, "file", work)
    assert [entry.name.split("-")[0] for entry in entries] == ["slow"] * 3
    assert once is not None and 0.05 <= once < 0.1 <= (spent(entries[0]) or 0.0) < 0.2, "both attempts, once each"
    assert spent(tmp_path) is None


def test_the_order_of_a_dictionary_is_no_difference(tmp_path: Path) -> None:
    assert Store(tmp_path).entry("a", {"x": 1, "y": 2}) == Store(tmp_path).entry("a", {"y": 2, "x": 1})


def test_what_names_no_configuration_is_refused() -> None:
    for value in (object(), lambda: 0, Recipe, {"a": {1, 2}}, {1: 2}):
        with pytest.raises(InvalidSetting, match="names no configuration"):
            plain(value)


def test_where_things_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOSPIKE_CACHE", str(tmp_path))
    assert home() == tmp_path and Store().root == tmp_path / "store"
    monkeypatch.delenv("ISOSPIKE_CACHE")
    assert home() == Path.home() / ".cache" / "isospike"
