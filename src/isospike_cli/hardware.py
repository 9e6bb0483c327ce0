"""Commands that hand a network to hardware: export, synthesise."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from isospike.engine import load
from isospike.errors import InvalidFile, InvalidSetting
from isospike.export import RTL
from isospike.export.rtl import OSU018, Library, costs, described, energy, proved, synthesised
from isospike_cli.options import File, Json, Thousand
from isospike_cli.tables import err, show_columns, show_figures

STORAGES = "hard-wired", "programmable"
CALIBRATION = 1000  # training samples that outputs of `ttfs` are spread over
SHOWN = {
    "exact": "exact",
    "compared": "numbers compared",
    "cells": "cells",
    "flops": "flip-flops",
    "area": "area [µm²]",
    "delay": "longest path [ps]",
    "latency": "latency [clocks]",
    "energy": "energy behind others [pJ]",
    "energy_latency": "energy alone [pJ]",
    "energy_area": "energy behind others × area [pJ mm²]",
    "energy_latency_area": "energy alone × area [pJ mm²]",
}
Folder = Annotated[Path, typer.Option("--out", help="Folder to write; it must not be there.")]
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
    file: File, output: Folder, inputs: Thousand, circuits: Circuits, to: str = "rtl", as_json: Json = False
) -> None:
    """Write a tuned network as a circuit in Verilog or VHDL, with a test bench and what must come of it."""
    if to != "rtl":
        raise InvalidSetting(f"there is no export to `{to}`.", "rtl.", "Leave --to out.")
    if circuits.weights not in STORAGES:
        raise InvalidSetting(f"weights `{circuits.weights}`.", f"{' or '.join(STORAGES)}.", "Choose one: --weights.")
    if output.exists() or not output.absolute().parent.is_dir():
        raise InvalidFile(
            f"`{output}` is there already, or its folder is not.", "A new folder.", "Choose another place: --out."
        )
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
        show_figures(figures, f"{len(data):,} samples of {data.name}, in whole numbers; latency in clocks")
        err.print(f"wrote {output}; prove it and make gates of it: isospike synthesise {output}", highlight=False)


def synthesise_command(
    folders: Folders,
    liberty: Annotated[
        Path | None, typer.Option(help="Cell library; else Debian's osu018 (180 nm) where it is installed.")
    ] = None,
    simulator: Annotated[str | None, typer.Option(help="icarus or verilator; else the first that is here.")] = None,
    vectors: Annotated[int, typer.Option(min=1, help="Energy is taken over the first so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Simulate circuits over every vector and compare each spike and potential, make gates of them, and say what they
    cost."""
    cells = liberty or (OSU018 if OSU018.exists() else None)
    library = None if cells is None else Library.read(cells)
    rows: list[dict[str, Any]] = []
    for place in folders:
        about = described(place)
        err.print(f"{place}: simulating", highlight=False)
        proof = proved(place, simulator)
        row: dict[str, Any] = {
            "folder": str(place),
            "style": about["style"],
            "weights": STORAGES[about["programmable"]],
        }
        row |= {"exact": proof.exact, "compared": sum(proof.compared.values()), "simulator": proof.simulator}
        row |= {"differing": sum(proof.differing.values()), "latency": about["latency"]}
        if library is not None and proof.exact:
            err.print(f"{place}: making gates", highlight=False)
            made = synthesised(place, library)
            err.print(f"{place}: measuring energy", highlight=False)
            spent = energy(place, made, library, vectors)
            row |= {key: value for key, value in asdict(made).items() if key != "netlist"}
            row |= costs(made.area, spent.total, about["latency"], spent.clocks) | {"energy_flops": spent.flops}
        rows.append(row)
    if as_json:
        typer.echo(json.dumps({row["folder"]: row for row in rows}))
    else:
        _show(rows)
    if library is None:
        err.print("no gates: there is no cell library; name one: --liberty, or apt-get install qflow-tech-osu018")
    if not all(row["exact"] for row in rows):
        raise typer.Exit(1)


def _show(rows: list[dict[str, Any]]) -> None:
    show_columns(
        {row["folder"]: {said: row.get(key) for key, said in SHOWN.items()} for row in rows},
        "every vector simulated and compared; gates, and energy of an answer",
    )
