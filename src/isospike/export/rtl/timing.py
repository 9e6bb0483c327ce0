"""How fast the gates of a circuit can be clocked, by OpenSTA: flip-flops, gates and setup, without wires."""

import re
import shutil
import subprocess
from pathlib import Path

from isospike.errors import IsospikeError
from isospike.export.rtl.tools import called
from isospike.store import write

LONG = 1e6  # ps, a period that is always enough
SCRIPT = f"""\
read_liberty cells.lib
set_cmd_units -time ps
read_verilog gates.v
link_design {{module}}
create_clock -name clk -period {LONG:.0f} [get_ports clk]
set_input_delay 0 -clock clk [all_inputs]
set_output_delay 0 -clock clk [all_outputs]
report_worst_slack -digits 1
"""


def timer() -> str | None:
    """OpenSTA and its version, where it is installed."""
    if shutil.which("sta") is None:
        return None
    return f"OpenSTA {subprocess.run(['sta', '-version'], capture_output=True, text=True).stdout.strip()}"


def period(module: str, work: Path) -> float:
    """The shortest period of gates.v of cells.lib in a folder [ps].  Raises `IsospikeError`."""
    write(work / "timing.tcl", SCRIPT.format(module=module))
    said = called(["sta", "-no_splash", "-exit", "timing.tcl"], work)
    slack = re.search(r"worst slack (-?[\d.]+)", said)
    if slack is None:
        raise IsospikeError(f"OpenSTA tells no slack of `{module}`: {said.strip()[:500]}")
    return round(LONG - float(slack[1]), 1)
