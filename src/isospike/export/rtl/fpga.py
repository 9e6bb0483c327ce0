"""A circuit placed and routed on an iCE40 HX8K by nextpnr: its logic cells, and the clock that it reaches."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from isospike.errors import IsospikeError
from isospike.export.rtl.bench import described, verilog
from isospike.export.rtl.tools import called, nextpnr, yosys
from isospike.store import Store, write

SCRIPT = "read_verilog {module}.v\nsynth_ice40 -top {module} -json cells.json\n"
DEVICE = "--hx8k", "--package", "ct256", "--pcf-allow-unconstrained"
LONGEST = 100  # seconds for a try
TRIES = tuple(  # older versions have routers that fail, or never end, on some circuits
    ("--router", router, "--seed", str(seed)) for seed in (1, 2) for router in ("router2", "router1")
)


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
    about, text, maker, placer = described(place), verilog(place).read_text(), yosys(), nextpnr()

    def make(path: Path) -> None:
        with TemporaryDirectory() as name:
            work = Path(name)
            write(work / f"{about['module']}.v", text)
            write(work / "script.ys", SCRIPT.format(module=about["module"]))
            called([*maker.command, "-q", "-s", "script.ys"], work)
            _placed([*placer.command, "-q", *DEVICE, "--json", "cells.json", "--report", "report.json"], work)
            write(path, (work / "report.json").read_text())

    configuration = {
        "verilog": text,
        "script": SCRIPT,
        "device": DEVICE,
        "tries": TRIES,
        "tools": [maker.name, placer.name],
    }
    found = json.loads(Store().kept(f"fitted-{about['style']}", configuration, "report.json", make).read_text())
    (clock,) = (one["achieved"] for one in found["fmax"].values())
    return Fitted(placer.name, found["utilization"]["ICESTORM_LC"]["used"], clock)


def _placed(command: list[str], work: Path) -> None:
    for way in TRIES:
        try:
            called([*command, *way], work, longest=LONGEST)
            return
        except IsospikeError:
            if way == TRIES[-1]:
                raise
