"""A library of cells, as a liberty file has it: areas, capacitances of pins, functions, and models to simulate."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isospike.errors import InvalidFile, IsospikeError

PICO = {"ff": 1e-3, "pf": 1.0}
OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")  # where Debian's qflow-tech-osu018 has it
TOKENS = re.compile(r"\s*([A-Za-z_]\w*|[01]|[!'^()]|[*&+|])")


@dataclass(frozen=True)
class Cell:
    """
    | field     | unit | meaning                                                                     |
    |-----------|------|-----------------------------------------------------------------------------|
    | `area`    | µm²  | as the file has it                                                          |
    | `inputs`  | pF   | capacitance of each input pin                                               |
    | `outputs` |      | the function of each output pin, in Verilog; of a flip-flop that of its state |
    | `clock`   |      | when the state of a flip-flop changes, in Verilog; "" without one           |
    | `next`    |      | to what                                                                     |
    | `states`  |      | names of the state and its inverse                                          |
    | `clocks`  |      | the pins of its clock                                                       |
    """

    name: str
    area: float
    inputs: dict[str, float]
    outputs: dict[str, str]
    clock: str = ""
    next: str = ""
    states: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()

    def model(self) -> str:
        """In Verilog: each output follows after a unit of time, and adds its load to what is switched."""
        kind = "flops" if self.clock else "gates"
        ports = [f"input {pin}" for pin in self.inputs] + [f"output {pin}" for pin in self.outputs]
        lines = [f"module {self.name} #({', '.join(f'parameter real C_{pin} = 0' for pin in self.outputs)}) ("]
        lines[0] += ", ".join(ports) + ");"
        if self.clock:
            state, *inverse = self.states
            lines += [f"    reg {state};", f"    initial {state} = 0;"]
            lines += [f"    wire {name} = ~{state};" for name in inverse]
            lines.append(f"    always @(posedge ({self.clock})) {state} <= {self.next};")
        for pin, function in self.outputs.items():
            lines.append(f"    assign #1 {pin} = {function};")
            lines.append(f"    always @({pin}) bench.{kind} = bench.{kind} + C_{pin};")
        return "\n".join([*lines, "endmodule", ""])


@dataclass(frozen=True)
class Library:
    """The cells of a file by name, and the voltage that they are described at."""

    path: Path
    name: str
    voltage: float
    cells: dict[str, Cell]

    @classmethod
    def read(cls, path: Path) -> "Library":
        """Raises `InvalidFile` for a file that is not whole, `IsospikeError` without the parser."""
        try:
            from liberty.parser import parse_liberty
        except ImportError as error:
            raise IsospikeError(
                "cell libraries need liberty-parser, which is not installed.",
                remedy="Run: pip install 'isospike[rtl]'",
            ) from error
        try:
            found = parse_liberty(path.read_text())
            factor, unit = found["capacitive_load_unit"]
            pico = float(factor) * PICO[str(unit).strip('"').lower()]
            cells = {}
            for group in found.get_groups("cell"):
                cell = _cell(group, pico)
                if cell is not None:
                    cells[cell.name] = cell
            return cls(path, str(found.args[0]).strip('"'), float(found["nom_voltage"]), cells)
        except Exception as error:  # the parser's own, of a file that ends early or is none: they share no base class
            raise InvalidFile(
                f"`{path}` is no cell library: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                "A whole liberty file with functions, areas and capacitances of cells.",
                "Name another: --liberty.",
            ) from error


def _cell(group: Any, pico: float) -> Cell | None:
    """A gate or a flip-flop; None for latches, pads and others whose function is not told."""
    kinds = {one.group_name for one in group.groups}
    if "latch" in kinds or "statetable" in kinds:
        return None
    inputs, outputs = {}, {}
    for pin in group.get_groups("pin"):
        name, direction = str(pin.args[0]).strip('"'), str(pin["direction"]).strip('"')
        if direction == "input":
            inputs[name] = pico * float(pin.get("capacitance") or 0)
        elif direction == "output" and pin.get("function") is not None and pin.get("three_state") is None:
            outputs[name] = verilog(str(pin["function"]))
        else:
            return None
    name, area = str(group.args[0]).strip('"'), float(group["area"])
    if not outputs:
        return None
    for flop in group.get_groups("ff"):
        if flop.get("clear") is not None or flop.get("preset") is not None:
            return None
        states = tuple(str(one).strip('"') for one in flop.args)
        clock, following = verilog(str(flop["clocked_on"])), verilog(str(flop["next_state"]))
        pins = tuple(pin for pin in inputs if re.search(rf"\b{pin}\b", clock))
        return Cell(name, area, inputs, outputs, clock, following, states, pins)
    return Cell(name, area, inputs, outputs)


def verilog(function: str) -> str:
    """A function of a liberty file in Verilog: ! and ' negate, * & and nothing are and, + and | are or, ^ is exclusive
    or."""
    text = function.strip().strip('"')
    tokens = TOKENS.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise ValueError(f"the function {function} cannot be read")

    def factor() -> str:
        token = tokens.pop(0)
        if token == "!":
            found = f"~{factor()}"
        elif token == "(":
            found = f"({either()})"
            tokens.pop(0)
        else:
            found = f"1'b{token}" if token in "01" else token
        while tokens and tokens[0] == "'":
            tokens.pop(0)
            found = f"~{found}"
        return found

    def unlike() -> str:
        found = factor()
        while tokens and tokens[0] == "^":
            tokens.pop(0)
            found = f"({found} ^ {factor()})"
        return found

    def both() -> str:
        found = unlike()
        while tokens and tokens[0] not in "+|)":
            if tokens[0] in "*&":
                tokens.pop(0)
            found = f"({found} & {unlike()})"
        return found

    def either() -> str:
        found = both()
        while tokens and tokens[0] in "+|":
            tokens.pop(0)
            found = f"({found} | {both()})"
        return found

    return either()
