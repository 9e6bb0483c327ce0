"""A network is read from an open file as from its path, and what is no network is refused as there."""

import io
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as to_bytes
from test_file import FORMAT3, NAMES, saved

from isospike import SpikingNetwork, load
from isospike.errors import InvalidFile


def same(a: SpikingNetwork, b: SpikingNetwork) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", NAMES)
def test_an_open_file_is_the_network_of_its_path(name: str) -> None:
    path = FORMAT3 / f"{name}.safetensors"
    with path.open("rb") as file:
        network = load(file)
    assert same(network, load(path)) and repr(network) == repr(load(path))


def test_a_part_of_an_archive_and_bytes_in_memory(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(path, "net.safetensors")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive, archive.open("net.safetensors") as member:
        assert same(load(member), load(path))
    assert same(load(io.BytesIO(path.read_bytes())), load(path))


def test_it_is_read_from_where_it_stands(tmp_path: Path) -> None:
    content = saved(tmp_path).read_bytes()
    file = io.BytesIO(b"before" + content)
    file.seek(len(b"before"))
    assert same(load(file), load(tmp_path / "m.safetensors"))


WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda content: b"", "not a whole safetensors file"),
    "its first bytes": (lambda content: content[:7], "not a whole safetensors file"),
    "a part of the header": (lambda content: content[:100], "not a whole safetensors file"),
    "all but a byte": (lambda content: content[:-1], "not a whole safetensors file"),
    "a header larger than it": (
        lambda content: struct.pack("<Q", 1 << 60) + content[8:],
        "not a whole safetensors file",
    ),
    "a pickle": (lambda content: b"\x80\x04c__builtin__\neval\n", "not a whole safetensors file"),
    "tensors alone": (lambda content: to_bytes({"a": torch.ones(3)}), "holds tensors but no spiking network"),
    "another format": (lambda content: content.replace(b'\\"format\\": 4', b'\\"format\\": 9'), "has format 9"),
    "another shape": (lambda content: re.sub(rb'\\"shape\\": \[6\]', rb'\\"shape\\": [7]', content), "cannot be read"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_network_is_refused(what: str, tmp_path: Path) -> None:
    change, reason = WRONG[what]
    content = saved(tmp_path).read_bytes()
    assert change(content) != content
    with pytest.raises(InvalidFile, match=f"`the open file`.*{reason}") as caught:
        load(io.BytesIO(change(content)))
    assert caught.value.remedy


def test_text_is_refused() -> None:
    with pytest.raises(InvalidFile, match="gives str, not bytes"):
        load(io.StringIO("net"))  # type: ignore[arg-type]
