"""What the gates of a circuit switch while they answer, glitches included: a simulation with a delay a gate.

E = ½ V² Σ_(changes) C + V² C_clock · clocks        C: of all pins that a net reaches; wires are not counted
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from isospike.errors import IsospikeError
from isospike.export.rtl.bench import described
from isospike.export.rtl.cells import Library
from isospike.export.rtl.synthesis import Synthesis
from isospike.export.rtl.tools import called
from isospike.store import Store, write

COSTS = "energy", "energy_latency", "energy_area", "energy_latency_area"


@dataclass(frozen=True)
class Energy:
    """Of an answer, in pJ: of gates, and of flip-flops with their clock, where answers follow one another as fast as
    they can; and the clocks from one to the next."""

    gates: float
    flops: float
    clocks: float

    @property
    def total(self) -> float:
        """Of both."""
        return self.gates + self.flops


def costs(area: float, total: float, latency: float, interval: float) -> dict[str, float]:
    """Energy of an answer [pJ] where they follow one another as fast as they can; power times latency, that of one
    with nothing else on its way; both times area [pJ mm²]."""
    other = total * max(1.0, latency / interval)
    return dict(zip(COSTS, (total, other, total * area / 1e6, other * area / 1e6), strict=True))


def energy(place: Path, made: Synthesis, library: Library, vectors: int) -> Energy:
    """What the first vectors of a folder take on average; kept, so that it is measured once.

    Raises `IsospikeError` without icarus, or if the gates give another class than the circuit."""
    if shutil.which("iverilog") is None:
        raise IsospikeError("energies need icarus, which is not here.", remedy="Run: apt-get install iverilog")
    about = described(place)
    used = {cell["type"] for cell in made.netlist["cells"].values()}
    lines = (place / "vectors.hex").read_text().splitlines()[:vectors]
    files = {
        "gates.v": netlist(about["module"], made.netlist, library),
        "cells.v": "\n".join(library.cells[one].model() for one in sorted(used)),
        "bench.v": about["gates"],
        "vectors.hex": "".join(f"{line}\n" for line in lines),
    }
    if about["programmable"]:
        files["memory.hex"] = (place / "memory.hex").read_text()

    def make(path: Path) -> None:
        with TemporaryDirectory() as name:
            for file, text in files.items():
                write(Path(name) / file, text)
            built = ["-g2005-sv", f"-Pbench.VECTORS={len(lines)}", "-o", "bench.vvp"]
            called(["iverilog", *built, "bench.v", "gates.v", "cells.v"], Path(name))
            called(["vvp", "-n", "bench.vvp"], Path(name))
            write(path, (Path(name) / "switched.txt").read_text())

    configuration = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    found = Store().kept(f"switched-{about['style']}", configuration, "switched.txt", make)
    *classes, switched = found.read_text().splitlines()
    expected = np.loadtxt(place / "expected.txt", dtype=np.int64, ndmin=2, max_rows=len(lines))[:, -2]
    if [int(one) for one in classes] != expected.tolist():
        raise IsospikeError(f"the gates of `{place}` give other classes than the circuit.", remedy="Please report it.")
    gates, flops, clocks = (float(one) / len(lines) for one in switched.split())
    pins = [library.cells[cell["type"]] for cell in made.netlist["cells"].values()]
    clock = sum(cell.inputs[pin] for cell in pins for pin in cell.clocks)
    square = library.voltage**2
    return Energy(gates * square / 2, flops * square / 2 + clock * square * clocks, clocks)


def netlist(module: str, found: dict[str, Any], library: Library) -> str:
    """Gates in Verilog, each output with the capacitance that it reaches."""
    load: dict[int | str, float] = {}
    for cell in found["cells"].values():
        for pin, capacitance in library.cells[cell["type"]].inputs.items():
            (bit,) = cell["connections"][pin]
            load[bit] = load.get(bit, 0.0) + capacitance

    def net(bit: int | str) -> str:
        return f"n{bit}" if isinstance(bit, int) else f"1'b{bit}"

    ports, lines = [], list[str]()
    bits: set[int] = set()
    for name, port in found["ports"].items():
        width = f"[{len(port['bits']) - 1}:0] " if len(port["bits"]) > 1 else ""
        ports.append(f"{port['direction']} {width}{name}")
        for i, bit in enumerate(port["bits"]):
            at = f"{name}[{i}]" if width else name
            lines.append(
                f"assign {net(bit)} = {at};" if port["direction"] == "input" else f"assign {at} = {net(bit)};"
            )
            bits |= {bit} if isinstance(bit, int) else set()
    for number, cell in enumerate(found["cells"].values()):
        kind, wires = library.cells[cell["type"]], cell["connections"]
        loads = ", ".join(
            f".C_{pin}({load.get(wires[pin][0], 0.0) if wires.get(pin) else 0.0!r})" for pin in kind.outputs
        )
        pins = ", ".join(f".{pin}({net(wire[0])})" for pin, wire in wires.items() if wire)
        lines.append(f"{kind.name} #({loads}) g{number} ({pins});")
        bits |= {wire[0] for wire in wires.values() if wire and isinstance(wire[0], int)}
    declared = [f"wire n{bit};" for bit in sorted(bits)]
    return "\n".join([f"module {module}({', '.join(ports)});", *declared, *lines, "endmodule", ""])
