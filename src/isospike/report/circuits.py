"""What circuits cost, side by side: proofs, gates, periods, energies, and the plot of energy × area."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isospike.export.rtl import Library, costs, described, energy, fitted, proved, synthesised
from isospike.export.rtl.tools import nextpnr, yosys
from isospike.plot.look import ink, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VECTORS = 20  # that energy is taken over
COLUMNS = {
    "style": "style",
    "ticks": "ticks a window",
    "weights": "weights",
    "accuracy": "accuracy",
    "exact": "exact",
    "compared": "numbers compared",
    "differing": "differing",
    "cells": "cells",
    "flops": "flip-flops",
    "area": "area [µm²]",
    "period": "period [ps]",
    "latency": "latency [clocks]",
    "energy": "energy behind others [pJ]",
    "energy_latency": "energy alone [pJ]",
    "energy_area": "energy behind others × area [pJ mm²]",
    "energy_latency_area": "energy alone × area [pJ mm²]",
    "logic_cells": "iCE40 logic cells",
    "clock": "iCE40 clock [MHz]",
}
DEFINED = (
    "energy behind others: of an answer where they follow one another as fast as they can; alone: power × latency; "
    "loads of gates with glitches, and the clock; no wires"
)


def circuit(
    place: Path,
    library: Library | None,
    vectors: int = VECTORS,
    fpga: bool = False,
    simulator: str | None = None,
    saying: Callable[[str], None] = lambda said: None,
) -> dict[str, Any]:
    """What is known of the circuit in a folder: every vector simulated and compared; gates and energies of a cell
    library if it is exact, energies only where icarus is here; and its place on an iCE40 where that is asked for.

    saying: is told what is being done.  Raises what `proved`, `synthesised`, `energy` and `fitted` do."""
    about = described(place)
    saying("simulating")
    proof = proved(place, simulator)
    row = {key: about.get(key) for key in ("style", "language", "shape", "ticks", "data", "samples", "accuracy")}
    row |= {"weights": "programmable" if about["programmable"] else "hard-wired", "latency": about["latency"]}
    row |= {"exact": proof.exact, "simulator": proof.simulator}
    row |= {"compared": sum(proof.compared.values()), "differing": sum(proof.differing.values())}
    if not proof.exact:
        return row
    if library is not None:
        saying(f"making gates by {yosys().said}")
        made = synthesised(place, library)
        row |= {key: value for key, value in asdict(made).items() if key != "netlist"}
    if library is not None and shutil.which("iverilog") is None:
        saying("no energy: it needs icarus (apt-get install iverilog)")
    elif library is not None:
        saying("measuring energy")
        spent = energy(place, made, library, vectors)
        row |= costs(made.area, spent.total, about["latency"], spent.clocks) | {"energy_flops": spent.flops}
    if fpga:
        saying(f"placing and routing by {nextpnr().said}")
        one = fitted(place)
        row |= {"logic_cells": one.cells, "clock": one.clock, "fpga": one.tool}
    return row


def energy_area(rows: Sequence[Mapping[str, Any]], title: str) -> "Figure":
    """Energy × area against the ticks of a window, for both meanings of energy; a line a style and its storage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.4), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, key, said in zip(both, ("energy_area", "energy_latency_area"), ("behind others", "alone"), strict=True):
        _draw(axes, [row for row in rows if row.get(key) is not None], key)
        tidy(axes, f"{title}, an answer {said}", xlabel="ticks a window")
    both[0].set_ylabel("energy × area [pJ mm²]")
    lines, labels = both[0].get_legend_handles_labels()
    figure.legend(lines, labels, fontsize=8, frameon=False, ncols=4, loc="outside lower center")
    return figure


def _draw(axes: "Axes", rows: Sequence[Mapping[str, Any]], key: str) -> None:
    styles = list(dict.fromkeys(row["style"] for row in rows))
    for style, weights in dict.fromkeys((row["style"], row["weights"]) for row in rows):
        drawn = sorted((r["ticks"], r[key]) for r in rows if (r["style"], r["weights"]) == (style, weights))
        look = ink(styles.index(style)) | ({} if weights == "hard-wired" else {"markerfacecolor": "white"})
        axes.loglog(*zip(*drawn, strict=True), label=f"{style}, {weights}", **look)
    ticks = sorted({row["ticks"] for row in rows})
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
