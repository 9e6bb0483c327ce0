"""A circuit placed and routed on an iCE40 HX8K by nextpnr: its logic cells, and the clock that it reaches."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from isospike.export.rtl.bench import described, verilog
from isospike.export.rtl.tools import called, nextpnr, yosys
from isospike.store import Store, write

SCRIPT = "read_verilog {module}.v\nsynth_ice40 -top {module} -json cells.json\n"
# Gates of yosys 0.23, Debian's, are never routed for some circuits, by no version of nextpnr: newest=True.
DEVICE = "--hx8k", "--package", "ct256", "--pcf-allow-unconstrained"
LONGEST = 300  # seconds; what nearly fills the device is routed for hours


@dataclass(frozen=True)
class Fitted:
    """
    | field   | unit | meaning                                                              |
    |---------|------|----------------------------------------------------------------------|
    | `cells` |      | logic cells, of 7,680: a table of four inputs and a flip-flop each   |
    | `clock` | MHz  | the fastest, by nextpnr                                              |
    """

    tool: str
    cells: int
    clock: float


def fitted(place: Path) -> Fitted:
    """The circuit in a folder on the device; kept, so that it is placed once.  Raises `IsospikeError` without nextpnr,
    or where it does not fit."""
    about, text, maker, placer = described(place), verilog(place).read_text(), yosys(newest=True), nextpnr()

    def make(path: Path) -> None:
        with TemporaryDirectory() as name:
            work = Path(name)
            write(work / f"{about['module']}.v", text)
            write(work / "script.ys", SCRIPT.format(module=about["module"]))
            called([*maker.command, "-q", "-s", "script.ys"], work)
            command = [*placer.command, "-q", *DEVICE, "--json", "cells.json", "--report", "report.json"]
            called(command, work, longest=LONGEST)
            write(path, (work / "report.json").read_text())

    configuration = {
        "verilog": text,
        "script": SCRIPT,
        "device": DEVICE,
        "tools": [maker.name, placer.name],
    }
    found = json.loads(Store().kept(f"fitted-{about['style']}", configuration, "report.json", make).read_text())
    (clock,) = (one["achieved"] for one in found["fmax"].values())
    return Fitted(placer.name, found["utilization"]["ICESTORM_LC"]["used"], clock)
