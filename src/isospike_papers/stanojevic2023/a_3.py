"""Small networks as circuits: time-coded cores answer, spike by spike, what their whole numbers say, and are held
against multipliers by area, and by energy times area.

The source prints no figure; it says that the energy times area of TTFS is below that of the ANN, for Iris in 7 nm.
Here cells are of 180 nm, and energy has two meanings.  Source: Stanojevic 2023, app. A.3 (an abstract)."""

import hashlib
import json
import statistics
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from isospike import TTFS, SpikingNetwork, TimeSteps, WeightBits, convert, load, save
from isospike.data import Data, loader, open_data
from isospike.export.rtl import OSU018, RTL, SCRIPT, Library, costs, described, energy, proved, synthesised
from isospike.report.claim import Claim, Figures, Found, Row, Setup, Value, at_most, number
from isospike.store import Store, write
from isospike.train import fit, prepare
from isospike_papers.shared.plots import tidy
from isospike_papers.shared.recipe import Recipe, trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NETWORKS = {"Iris": ("iris", (4, 10, 3)), "digits": ("digits", (64, 32, 10))}
STYLES = {"ANN": "ann", "sTTFS": "sttfs", "sTTFS, pulses": "sttfs-pulse", "TTFS": "ttfs"}
TICKS, SMALL, BITS = (7, 15, 63, 255), (7,), 8
MADE = {"Iris": TICKS, "digits": (15,)}  # ticks at which gates are made; digits take minutes a circuit
PROGRAMMABLE = 15  # ticks at which gates of programmable circuits are made, of Iris
EPOCHS, TUNED, BATCH, RATE, VECTORS = 200, 20, 16, 1e-2, 20
DIFFERING, COMPARED, ACCURACY = "differing", "numbers compared", "accuracy [%]"
AREA, ENERGY, ALONE = "area [µm²]", "energy behind others [pJ]", "energy alone [pJ]"
PRODUCT, PRODUCT_ALONE = "× area [pJ mm²]", "alone × area [pJ mm²]"


class A3(Claim):
    """App. A.3: circuits of time-coded networks beside the ANN that they replace."""

    source = "Stanojevic 2023, app. A.3"
    options = {"samples": (8, 50, None), "trials": (1, 5, 5)}

    def measure(self, setup: Setup) -> Found:
        """Train, tune, export, prove, make gates, and measure what they switch."""
        quick = setup.size == "quick"
        rows: list[Row] = []
        library = Library.read(OSU018) if OSU018.exists() else None
        for name, (data, widths) in NETWORKS.items():
            train, test = open_data(data, True), open_data(data, False).first(setup.samples)
            for ticks in SMALL if quick else TICKS:
                networks = [_tuned(data, widths, ticks, train, seed) for seed in range(setup.trials)]
                for case, style in STYLES.items():
                    for programmable in (False, True):
                        gates = library is not None and ticks in MADE[name] and not (quick and name == "digits")
                        gates = gates and (not programmable or (name == "Iris" and ticks == PROGRAMMABLE))
                        found = [
                            _circuit(one, style, programmable, train, test, library if gates else None)
                            for one in (networks if name == "Iris" or not gates else networks[:1])
                        ]
                        stored = ", programmable" if programmable else ""
                        rows.append(Row(f"{name}, T = {ticks}, {case}{stored}", _mean(found)))
        at = {row.case: row.measured for row in rows}
        compared, differing = (sum(number(row.measured[key]) for row in rows) for key in (COMPARED, DIFFERING))
        held = [at_most(f"of {compared:,.0f} numbers none differs", differing, 0, "differing")]
        for name in NETWORKS:
            beside = [(case, case.replace("ANN", "TTFS")) for case in at if case.startswith(name) and "ANN" in case]
            made = [(at[one], at[other]) for one, other in beside if AREA in at[one] and AREA in at[other]]
            for key, said in ((AREA, "area"), (PRODUCT, "energy × area"), (PRODUCT_ALONE, "energy alone × area")):
                if made:
                    ratio = max(number(ttfs[key]) / number(ann[key]) for ann, ttfs in made)
                    held.append(at_most(f"{name}: TTFS, {said}", ratio, 1, "of the ANN's, at each T"))
        return Found(rows=rows, held=held, notes=_notes(setup, library), draw=lambda: _figure(at))


def _tuned(data: str, widths: tuple[int, ...], ticks: int, train: Data, seed: int) -> SpikingNetwork:
    """The network of a seed, tuned for so many ticks."""
    recipe = Recipe(f"{data}-{'-'.join(map(str, widths))}", EPOCHS, BATCH, RATE, decay=0.98, seed=seed)

    def make() -> nn.Module:
        inputs, hidden, classes = widths
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def tune(path: Path) -> None:
        network = convert(trained(recipe, make, lambda: train), train, TTFS(), (0.0, 1.0))
        trainee = prepare(network, [WeightBits(BITS), TimeSteps(ticks)], list(train))
        adam = partial(torch.optim.Adam, lr=1e-3)
        save(fit(trainee, loader(train, BATCH), TUNED, optimizer=adam, seed=seed, quiet=True), path)

    how = {"recipe": recipe, "ticks": ticks, "bits": BITS, "epochs": TUNED}
    return load(Store().kept(f"circuit-{data}", how, "network.safetensors", tune))


def _circuit(
    network: SpikingNetwork, style: str, programmable: bool, train: Data, test: Data, library: Library | None
) -> dict[str, float]:
    """Figures of a circuit, kept by its text: an interrupt loses one of hundreds."""
    x, labels = torch.cat(list(test)), test.labels
    assert labels is not None
    made = RTL.of(network, style, programmable, torch.cat(list(train)), powers_of_two=True)

    def measure(path: Path) -> None:
        place = path.parent / "circuit"
        made.write(place, x)
        proof = proved(place)
        found = {
            ACCURACY: 100 * float((made.classes(x) == labels.numpy()).mean()),
            COMPARED: sum(proof.compared.values()),
            DIFFERING: sum(proof.differing.values()),
            "latency [clocks]": described(place)["latency"],
        }
        write(path, json.dumps(found | ({} if library is None else _gates(place, library, found["latency [clocks]"]))))

    circuit = made.circuit
    text = circuit.text() + circuit.bench(len(x)) + circuit.gates() + repr(made.ticks(x).tolist())
    how = {"text": hashlib.sha256(text.encode()).hexdigest(), "cells": library and library.name, "vectors": VECTORS}
    how |= {"script": library and SCRIPT}
    kept: dict[str, float] = json.loads(Store().kept(f"circuit-{style}", how, "figures.json", measure).read_text())
    return kept


def _gates(place: Path, library: Library, latency: float) -> dict[str, float]:
    gates = synthesised(place, library)
    spent = energy(place, gates, library, VECTORS)
    found = {"cells": gates.cells, "flip-flops": gates.flops, AREA: gates.area}
    found |= {} if gates.delay is None else {"longest path [ps]": gates.delay}
    both = costs(gates.area, spent.total, latency, spent.clocks)
    return found | dict(zip((ENERGY, ALONE, PRODUCT, PRODUCT_ALONE), both.values(), strict=True))


def _mean(found: list[dict[str, float]]) -> dict[str, Value]:
    add = (COMPARED, DIFFERING)
    return {key: (sum if key in add else statistics.mean)([one[key] for one in found]) for key in found[0]}


def _notes(setup: Setup, library: Library | None) -> tuple[str, ...]:
    cells = (
        "No gates were made: there is no cell library here (apt-get install qflow-tech-osu018)."
        if library is None
        else f"Cells: {library.name}, 180 nm, {library.voltage:g} V, without wires.  What is true of 180 nm need not "
        "be of 7 nm: flip-flops, gates and their loads shrink unlike one another."
    )
    return (
        f"{setup.trials} seeds; weights of {BITS} bits, gains that are powers of two.  Settings are fixed and were "
        "not chosen by test accuracy.  Vectors: test samples, random ones, directed ones; every spike, potential, "
        "class and clock is compared.",
        cells,
        "Energy is what loads take, glitches included, a delay a gate, and the clock.  Behind others: an ANN begins "
        "an answer with every clock.  Alone: power times latency.  The longest path is between flip-flops, by abc, "
        "without theirs.  Gates of digits are of one seed.",
    )


def _figure(at: Mapping[str, Figures]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 3.6), layout="constrained")
    colors = dict(zip(STYLES, ("#c55a11", "#1f4e79", "#5b9bd5", "#2e7d32"), strict=True))
    for ax, key, said in zip(
        figure.subplots(1, 2, sharey=True), (PRODUCT, PRODUCT_ALONE), ("behind others", "alone"), strict=True
    ):
        for case, color in colors.items():
            points = [
                (ticks, number(at[name][key]))
                for ticks in TICKS
                if key in at.get(name := f"Iris, T = {ticks}, {case}", {})
            ]
            ax.loglog(*zip(*points, strict=True) if points else ((), ()), "o-", color=color, label=case)
        tidy(ax, f"Iris, an answer {said}", xlabel="ticks a window", ylabel="energy × area [pJ mm²]")
        ax.set_xticks(TICKS, map(str, TICKS))
    figure.axes[0].legend(fontsize=8, frameon=False)
    return figure
