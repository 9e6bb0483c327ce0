"""Commands that hand a network to hardware or to other tools: export, synthesise."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import typer

from isospike.engine import load
from isospike.errors import InvalidFile, InvalidSetting
from isospike.export import RTL
from isospike.export.nir import EXTENDED, TARGETS
from isospike.export.rtl import OSU018, Library, described
from isospike.report import circuit, energy_area
from isospike.report.circuits import COLUMNS, DEFINED, VECTORS
from isospike_cli import whole
from isospike_cli.exchange import exported
from isospike_cli.options import File, Json, Thousand
from isospike_cli.outputs import Written, writable
from isospike_cli.tables import err, keep_table, show_columns, show_figures

if TYPE_CHECKING:
    from rich.status import Status

TOOLS = "rtl", "nir", "integer"
STORAGES = "hard-wired", "programmable"
CALIBRATION = 1000  # training samples that outputs of `ttfs` are spread over
Place = Annotated[
    Path,
    typer.Option("--out", help="Folder of circuits, FILE.nir or FILE.safetensors, to write; it must not be there."),
]
To = Annotated[
    str, typer.Option(help="rtl, circuits; nir, a graph for other tools; integer, the network in whole numbers.")
]
Bits = Annotated[
    int | None,
    typer.Option(min=2, max=16, help="Of integer: bits of weights that are not whole yet; 8 unless given."),
]
Reader = Annotated[
    str,
    typer.Option(
        help=f"Of nir: {', '.join(TARGETS)}; each reads neurons in its own way, any is NIR's equations.  {EXTENDED}: "
        "a network of any coding, read back bit for bit."
    ),
]
Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER…", help="Written by `isospike export --to rtl`.")]


@dataclass(frozen=True)
class Circuits:
    """
    | field           | meaning                                                                         |
    |-----------------|---------------------------------------------------------------------------------|
    | `style`         | sttfs, sttfs-pulse, ttfs, ann or ann-single                                     |
    | `weights`       | hard-wired or programmable                                                      |
    | `language`      | verilog or vhdl                                                                 |
    | `powers_of_two` | gains are such, as ann needs; windows change by up to a factor of √2            |
    """

    style: str = "sttfs"
    weights: str = "hard-wired"
    language: str = "verilog"
    powers_of_two: bool = False


def export_command(
    file: File,
    output: Place,
    inputs: Thousand,
    circuits: Circuits,
    to: To = "rtl",
    target: Reader = "any",
    bits: Bits = None,
    as_json: Json = False,
) -> None:
    """Write a tuned network as a circuit in Verilog or VHDL, with a test bench and what must come of it; or a
    network as a NIR graph, or in whole numbers.

    Example: isospike export flowers.safetensors --data iris --style sttfs --out build
    """
    if to not in TOOLS:
        raise InvalidSetting(f"there is no export to `{to}`.", f"{', '.join(TOOLS)}.", "Choose one: --to.")
    given = {"--style and others": circuits != Circuits(), "--target": target != "any", "--bits": bits is not None}
    if idle := [option for option, of in zip(given, TOOLS, strict=True) if given[option] and of != to]:
        meant = ", ".join(f"{option} with --to {of}" for option, of in zip(given, TOOLS, strict=True))
        raise InvalidSetting(f"{idle[0]} would do nothing with --to {to}.", f"{meant}.", "Leave it out.")
    if circuits.weights not in STORAGES:
        raise InvalidSetting(f"weights `{circuits.weights}`.", f"{' or '.join(STORAGES)}.", "Choose one: --weights.")
    if output.exists() or not output.absolute().parent.is_dir():
        raise InvalidFile(
            f"`{output}` is there already, or its folder is not.", "A new place.", "Choose another place: --out."
        )
    if to == "nir":
        exported(file, output, inputs, target, as_json)
        return
    if to == "integer":
        whole.exported(file, output, inputs, bits, as_json)
        return
    network = load(file)
    data = inputs.of(network, False).first(inputs.samples)
    made = RTL.of(
        network,
        circuits.style,
        circuits.weights == "programmable",
        torch.cat(list(inputs.of(network, True).first(CALIBRATION))) if circuits.style == "ttfs" else None,
        circuits.powers_of_two,
    )
    x = torch.cat(list(data))
    right = None if data.labels is None else float(np.mean(made.classes(x) == data.labels.numpy()))
    made.write(output, x, circuits.language, data=data.name, samples=len(data), accuracy=right)
    figures = {
        "style": circuits.style,
        "weights": circuits.weights,
        "shape": made.circuit.context()["shape"],
        "ticks": made.circuit.design.ticks,
        "accuracy": right,
        "latency": described(output)["latency"],
    }
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        show_figures(figures, f"{len(data):,} samples of {data.name}, in whole numbers", "clocks")
        err.print(f"wrote {output}; prove it and make gates of it: isospike synthesise {output}", highlight=False)


def synthesise_command(
    folders: Folders,
    liberty: Annotated[
        Path | None, typer.Option(help="Cell library; else Debian's osu018 (180 nm) where it is installed.")
    ] = None,
    fpga: Annotated[bool, typer.Option("--fpga", help="Place and route for an iCE40 HX8K as well.")] = False,
    simulator: Annotated[str | None, typer.Option(help="icarus or verilator; else the first that is here.")] = None,
    vectors: Annotated[int, typer.Option(min=1, help="Energy is taken over the first so many.")] = VECTORS,
    directory: Annotated[
        Path | None, typer.Option("--out", help="Folder for the table (CSV, JSON) and the plot (PNG).")
    ] = None,
    report: Written = None,
    as_json: Json = False,
) -> None:
    """Simulate circuits over every vector and compare each spike and potential, make gates of them, and say what they
    cost.

    Example: isospike synthesise build --vectors 5
    """
    writable(report)
    cells = liberty or (OSU018 if OSU018.exists() else None)
    library = None if cells is None else Library.read(cells)
    for place in folders:
        described(place)  # all of them, before the first takes its time
    rows: list[dict[str, Any]] = []
    for place in folders:
        with err.status(str(place)) as status:
            saying = partial(_say, status, place)
            rows.append({"folder": str(place)} | circuit(place, library, vectors, fpga, simulator, saying))
    if report is not None:
        from isospike_cli.reporting import Case, command, settings, write

        said = settings(cells=None if library is None else library.name, vectors=vectors, fpga=fpga)
        write(Case(", ".join(map(str, folders)), command(), said, circuits=rows), report)
    if as_json:
        typer.echo(json.dumps({row["folder"]: row for row in rows}))
    else:
        shown = {row["folder"]: {said: row.get(key) for key, said in COLUMNS.items()} for row in rows}
        show_columns(shown, _title(rows, library))
    if directory is not None:
        priced, title = [row for row in rows if "energy" in row], ", ".join(dict.fromkeys(r["shape"] for r in rows))
        keep_table(rows, directory, "circuits", energy_area(priced, title) if priced else None)
        err.print(f"wrote {directory}/circuits.csv, .json{', .png, .svg' if priced else ''}", highlight=False)
    if library is None:
        err.print("no gates: there is no cell library; name one: --liberty, or apt-get install qflow-tech-osu018")
    if not all(row["exact"] for row in rows):
        raise typer.Exit(1)


def _say(status: "Status", place: Path, said: str) -> None:
    status.update(f"{place}: {said}")
    err.print(f"{place}: {said}", highlight=False)


def _title(rows: list[dict[str, Any]], library: Library | None) -> str:
    """What was compared, and what the figures mean."""
    title = f"every vector simulated by {' and '.join(sorted({row['simulator'] for row in rows}))} and compared"
    if library is None:
        return title
    timers = " and ".join(sorted({row["timer"] for row in rows if row.get("timer")}))
    period = f"period by {timers}" if timers else "no period without OpenSTA"
    return f"{title}\ncells of {library.name}; {period}\n{DEFINED}"
