"""Plants faults in circuits, drawn from a seed, and lists those that no comparison notices: `make rtl-mutants N=120`.

A fault is a changed operator, constant, width or index in a line of one of the architectures, in Verilog or VHDL, with
weights hard-wired or programmable; the circuit is simulated over its vectors, and every spike, potential, class and clock
compared."""

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.append(str(Path(__file__).parent / "export"))

from test_rtl import X, circuit

from isospike.errors import IsospikeError
from isospike.export.rtl import STYLES, proved
from isospike.export.rtl.base import LANGUAGES

CASES = [(style, "verilog") for style in STYLES] + [(style, "vhdl") for style in ("sttfs", "sttfs-pulse", "ttfs")]

OPERATORS = {"+": "-", "-": "+", ">=": ">", "<=": "<", ">": ">=", "<": "<=", "==": "!=", "&": "|", "|": "&", "~": "", ">>>": ">>", "<<": ">>", "and": "or", "or": "and", "not": ""}  # fmt: skip
PLACES = {
    "constant": re.compile(r"(?<='d)\d+|(?<='sd)\d+|(?<=signed\()-?\d+"),
    "operator": re.compile(r"(?<= )(?:>>>|<<|>=|==|[+\-&|<>]|and|or|not)(?= )|~"),
    "width": re.compile(r"(?<=\[)\d+(?=:0\])|(?<=\()\d+(?= downto 0)"),
    "index": re.compile(r"(?<=\[)\d+(?=\])|(?<=[a-z\d]\()\d+(?=\))"),
}


def faulty(text: str, generator: np.random.Generator) -> tuple[str, str]:
    """The text with one fault, and what it is."""
    lines = text.splitlines()
    while True:
        kind = str(generator.choice(list(PLACES)))
        code = [(n, at) for n, line in enumerate(lines) for at in PLACES[kind].finditer(re.split("//|--", line)[0])]
        if not code:
            continue
        n, at = code[generator.integers(len(code))]
        old = at[0]
        if kind == "operator":
            new = OPERATORS[old]
        elif kind == "width":
            new = str(max(0, int(old) - 1))
        else:
            new = str(max(0 if kind == "index" else -9, int(old) + int(generator.choice([-1, 1]))))
        if new != old:
            changed = lines[n][: at.start()] + new + lines[n][at.end() :]
            return "\n".join(
                [*lines[:n], changed, *lines[n + 1 :], ""]
            ), f"{kind}: {lines[n].strip()} → {changed.strip()}"


def noticed(place: Path) -> str:
    """How a fault shows, or nothing."""
    try:
        return "" if proved(place, "icarus").exact else "differs"
    except (IsospikeError, ValueError):
        return "does not run"


def main(count: int, seed: int) -> None:
    generator, left = np.random.default_rng(seed), []
    with TemporaryDirectory() as name:
        for i in range(count):
            (style, language), programmable = CASES[i % len(CASES)], bool(i // len(CASES) % 2)
            made = circuit(style, programmable, seed=i % 3)
            place = Path(name) / str(i)
            made.write(place, X, language)
            file = place / f"{made.circuit.module}.{LANGUAGES[language]}"
            text, fault = faulty(file.read_text(), generator)
            file.write_text(text)
            how = noticed(place)
            print(
                f"{i + 1:4}  {style}, {language}{', programmable' if programmable else ''}  {how or 'LEFT'}  {fault}",
                flush=True,
            )
            left += [] if how else [fault]
    print(f"{count - len(left)} of {count} faults noticed")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
