"""Commands that exchange networks with other tools through NIR: import, verify, and what export does for NIR."""

import json
from pathlib import Path
from typing import Annotated, cast, get_args

import numpy as np
import torch
import typer

from isospike.engine import load, save
from isospike.errors import InvalidFile, InvalidSetting
from isospike.export.nir import EXTENDED, NIR, TARGETS, ExtendedNIR, Golden, beside, read, running, verify
from isospike.export.nir.compare import rows
from isospike.export.nir.extension import differing
from isospike.export.nir.read import Reset
from isospike_cli.options import Json, Thousand
from isospike_cli.outputs import Overwrite, replaceable
from isospike_cli.tables import err, out, show_columns, show_figures

GOLDEN = 10  # samples whose spikes are kept beside a graph
Graph = Annotated[Path, typer.Argument(metavar="FILE.nir", help="A NIR graph.")]


def exported(file: Path, output: Path, inputs: Thousand, target: str, as_json: bool) -> None:
    """Write a network as a NIR graph, its golden spikes beside it, and say what the grid changed."""
    if output.suffix != ".nir":
        raise InvalidFile(f"`{output}` does not end in .nir.", "FILE.nir.", "Choose another name: --out.")
    if beside(output).exists():
        raise InvalidFile(f"`{beside(output)}` is there already.", "A new file.", "Choose another place: --out.")
    if target == EXTENDED:
        _extended(file, output, inputs, as_json)
        return
    network = load(file)
    made = NIR.of(network, target)
    data = inputs.of(network, False).first(inputs.samples)
    golden = Golden.of(made, torch.cat(list(data.first(GOLDEN))))
    golden.write(beside(output))
    made.write(output)
    same = [
        (network(x.to(network.dtype)).flatten(1).argmax(1) == made.network(x.double()).flatten(1).argmax(1)).numpy()
        for x in data
    ]
    figures = {
        "target": target,
        "nodes": len(made.graph.nodes),
        "steps": golden.steps,
        "input_step": made.step,
        "golden_samples": len(golden.readout),
        "golden_spikes": sum(int(train.sum()) for train in golden.spikes.values()),
        "same_prediction": float(np.mean(np.concatenate(same))),
    }
    if as_json:
        typer.echo(json.dumps(figures))
        return
    show_figures(figures, f"{file.name} as a NIR graph, compared over {len(data):,} samples of {data.name}", "steps")
    tool = "sinabs|snntorch|norse" if target == "any" else target
    err.print(
        f"wrote {output} and {beside(output)}; prove it: isospike verify {output} --target {tool}", highlight=False
    )


def _extended(file: Path, output: Path, inputs: Thousand, as_json: bool) -> None:
    """Write a network with isospike's extension of NIR, its golden spike times beside it, read the file back, and
    compare every spike of the samples."""
    network = load(file)
    data = inputs.of(network, False).first(inputs.samples)
    made = ExtendedNIR.of(network)
    golden = Golden.timed(made, torch.cat(list(data.first(GOLDEN))))
    golden.write(beside(output))
    made.write(output)
    found, run = read(output), running(network)
    figures = {
        "target": EXTENDED,
        "nodes": len(made.content["nodes"]),
        "simulator": run.name,
        "golden_samples": len(golden.readout),
        "samples": len(data),
        "differing": sum(differing(found, network, x, run) for x in data),
    }
    if as_json:
        typer.echo(json.dumps(figures))
        return
    show_figures(figures, f"{file.name} as a NIR graph with isospike's extension, read back")
    said = f"wrote {output} and {beside(output)}, for isospike alone: isospike import {output}"
    err.print(f"{said}; prove it: isospike verify {output} --target {EXTENDED}", highlight=False)


def import_command(
    file: Graph,
    output: Annotated[Path | None, typer.Option("--out", help="Else the graph's name with .safetensors.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="T; else as the graph says, or 64.")] = None,
    reset: Annotated[
        str | None,
        typer.Option(
            help="zero, as NIR's equations have it; soft, by subtraction; late, a step later, as snnTorch; burst, as "
            "often as V has θ, as sinabs.  Else as the graph says."
        ),
    ] = None,
    dt: Annotated[float | None, typer.Option(help="Time step in s; else 0.0001 for LIF nodes, none for IF.")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Read a NIR graph of IF, LIF, affine and convolution nodes as a spiking network.

    Example: isospike import net.nir
    """
    if reset not in (None, *get_args(Reset)):
        raise InvalidSetting(
            f"reset `{reset}` is not known.", f"{', '.join(get_args(Reset))}.", "Choose one: --reset."
        )
    place = output or file.with_suffix(".safetensors")
    replaceable(place, overwrite, "the graph is as it was")
    network = read(file, steps, cast(Reset | None, reset), dt)
    save(network, place)
    if as_json:
        typer.echo(json.dumps({"file": str(place), "stages": len(network.stages), "steps": network.body.steps}))
        return
    err.print(f"wrote {place}: {network!r}", highlight=False)


def verify_command(
    file: Graph,
    target: Annotated[
        str,
        typer.Option(help=f"{', '.join(name for name in TARGETS if name != 'any')}; {EXTENDED}, for its extension."),
    ],
    as_json: Json = False,
) -> None:
    """Run a NIR graph in a tool's simulator and compare every spike, or spike time, with the golden ones.

    Example: isospike verify net.nir --target norse
    """
    found = verify(file, target)
    if as_json:
        summary = {"target": target, "outcome": found.outcome, "why": found.why, "readout_error": found.error}
        typer.echo(json.dumps(summary | {"layers": rows(found), "packages": found.packages}))
    else:
        if found.layers:
            columns = {row.pop("node"): row for row in rows(found)}
            versions = ", ".join(f"{name} {version}" for name, version in found.packages.items())
            show_columns(columns, f"{file.name} in {versions}, against {beside(file).name}")
        said = f": {found.why}" if found.why else ""
        error = "" if found.error is None else f"; largest error of a read-out {found.error:.2g}"
        out.print(f"{target}: {found.outcome}{said}{error}", highlight=False, markup=False, soft_wrap=True)
    if not found.equal:
        raise typer.Exit(1)
