"""Makes gates of a circuit with yosys: how many, how large, how fast."""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from isospike.errors import IsospikeError
from isospike.export.rtl.bench import described, verilog
from isospike.export.rtl.cells import Library
from isospike.export.rtl.timing import period, timer
from isospike.export.rtl.tools import called, yosys
from isospike.store import Store, write

SCRIPT = """\
read_verilog {module}.v
synth -top {module} -flatten -noabc
dfflibmap -liberty cells.lib
abc -liberty cells.lib -script +strash;ifraig;scorr;dc2;dch,-f;map,-B,0.9;topo;buffer,-c;upsize;dnsize;stime,-p
opt_clean -purge
write_verilog -noattr -noexpr gates.v
write_json netlist.json
"""


@dataclass(frozen=True)
class Synthesis:
    """
    | field        | unit | meaning                                                                       |
    |--------------|------|-------------------------------------------------------------------------------|
    | `cells`      |      | number of them, flip-flops included                                           |
    | `area`       | µm²  | of all cells; of flip-flops: `area_flops`                                     |
    | `period`     | ps   | the shortest, by `timer`; None where neither is here                          |
    | `timer`      |      | OpenSTA, with flip-flops and setup; or abc, which counts gates alone          |
    | `netlist`    |      | the module, as yosys writes it                                                |
    """

    tool: str
    library: str
    cells: int
    flops: int
    area: float
    area_flops: float
    period: float | None
    timer: str | None
    netlist: dict[str, Any]


def synthesised(place: Path, library: Library) -> Synthesis:
    """The gates of the circuit in a folder; kept, so that they are made once.  Raises `IsospikeError`."""
    about, text, maker, clocked = described(place), verilog(place).read_text(), yosys(), timer()

    def make(path: Path) -> None:
        with TemporaryDirectory() as name:
            work = Path(name)
            write(work / f"{about['module']}.v", text)
            shutil.copy(library.path, work / "cells.lib")
            write(work / "script.ys", SCRIPT.format(module=about["module"]))
            said = called([*maker.command, "-s", "script.ys"], work)
            paths = re.findall(r"Delay\s*=\s*([\d.]+) ps", said)  # yowasp's abc tells none
            found = {"netlist": json.loads((work / "netlist.json").read_text())["modules"][about["module"]]}
            if clocked is not None:
                found |= {"period": period(about["module"], work), "timer": clocked}
            else:
                found |= {"period": float(paths[-1]), "timer": "abc"} if paths else {"period": None, "timer": None}
            write(path, json.dumps(found))

    configuration = {
        "verilog": hashlib.sha256(text.encode()).hexdigest(),
        "liberty": hashlib.sha256(library.path.read_bytes()).hexdigest(),
        "script": SCRIPT,
        "tools": [maker.name, clocked],
    }
    kept = json.loads(Store().kept(f"netlist-{about['style']}", configuration, "netlist.json", make).read_text())
    types = {cell["type"] for cell in kept["netlist"]["cells"].values()}
    if strange := sorted(types - set(library.cells)):
        raise IsospikeError(
            f"the gates of `{place}` are of {', '.join(strange)}, which {library.name} does not describe.",
            "Gates and plain flip-flops.",
            "Name another cell library: --liberty.",
        )
    kinds = [library.cells[cell["type"]] for cell in kept["netlist"]["cells"].values()]
    flops = [kind for kind in kinds if kind.clock]
    return Synthesis(
        maker.name,
        library.name,
        len(kinds),
        len(flops),
        sum(kind.area for kind in kinds),
        sum(kind.area for kind in flops),
        kept["period"],
        kept["timer"],
        kept["netlist"],
    )
