"""A neuron of sTTFS held against its formula for all inputs, by yosys' own solver: an answer, clock by clock, as one
question of satisfiability.

    Σ_(ticks in which it is high) 1 = clip(⌊(Σ_j W_j k_j − T) / R⌋, 0, L)     for all k; and all W and T of its words
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from isospike.errors import InvalidSetting
from isospike.export.rtl.base import Circuit, rendered
from isospike.export.rtl.sttfs import Levels
from isospike.export.rtl.tools import called, yosys
from isospike.store import write

SCRIPT = """\
read_verilog -formal {module}.v check.v
hierarchy -top check
proc
flatten
memory_map
sat -verify -seq {steps} -prove-skip {skipped} -set-init passed 0 -prove-asserts check
"""


def proved_for_all(circuit: Circuit, neuron: int = 0) -> float:
    """Prove that a neuron of the first layer spikes when the whole numbers say, for all inputs; if the circuit is
    programmable, for all weights and thresholds that it can hold as well.  Returns seconds, which grow exponentially:
    few ticks and few inputs.  Raises `IsospikeError` if it does not hold, `InvalidSetting` for other architectures."""
    if not isinstance(circuit, Levels):
        raise InvalidSetting(f"style `{circuit.name}` has no formula of one neuron.", "sttfs and sttfs-pulse.")
    layer, context = circuit.design.layers[0], circuit.context()
    words = (layer.inputs + 1) * layer.neurons if circuit.programmable else 0
    end = words + 2 * circuit.design.ticks + 1
    begun = perf_counter()
    with TemporaryDirectory() as name:
        place = Path(name)
        write(place / f"{circuit.module}.v", circuit.text())
        about = {
            "neuron": neuron,
            "layer": context["layers"][0],
            "weights": layer.weights[:, neuron].tolist(),
            "threshold": int(layer.threshold[neuron]),
            "gain": int(layer.gain[neuron]),
        }
        write(place / "check.v", rendered("formal.v", context | about))
        write(place / "script.ys", SCRIPT.format(module=circuit.module, steps=end + 1, skipped=end))
        called([*yosys().command, "-q", "-s", "script.ys"], place)
    return perf_counter() - begun
