"""What the architectures have in common: a circuit's text, and what each of its registers must hold."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isospike.errors import InvalidSetting
from isospike.export.rtl.design import Design, Layer, signed, unsigned

if TYPE_CHECKING:
    import jinja2

LANGUAGES = {"verilog": "v", "vhdl": "vhd"}  # and how their files are called
HALF = 2000  # half a clock, in delays of a gate, for each layer: longer than any path
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Watched:
    """A number that the circuit is asked for while it answers: in Verilog, and what it must be.

    | field    | meaning                                                        |
    |----------|----------------------------------------------------------------|
    | `kind`   | `spike` or `potential`                                         |
    | `name`   | what the bench calls it                                        |
    | `when`   | the clock at which it is taken                                 |
    | `value`  | what is taken; `{c}` is what was taken before                  |
    | `silent` | what stands there if nothing is taken                          |
    """

    kind: str
    name: str
    when: str
    value: str
    silent: int = 0


@dataclass(frozen=True, eq=False)
class Circuit(ABC):
    """A network as a circuit.

    | member         | meaning                                                                       |
    |----------------|-------------------------------------------------------------------------------|
    | `design`       | its whole numbers                                                             |
    | `programmable` | whether weights and thresholds are written into it, or part of the wiring     |
    | `name`         | of the architecture, as users say it                                          |
    | `module`       | of the text, and of its templates                                             |
    | `streams`      | whether inputs may come with every clock                                      |
    | `stimulus`     | when an input of k ticks is high: clock c after `start` is tick c − 1; "" if  |
    |                | inputs are numbers                                                            |
    """

    design: Design
    programmable: bool = False
    name: ClassVar[str]
    module: ClassVar[str]
    stimulus: ClassVar[str]
    streams: ClassVar[bool] = False

    @property
    @abstractmethod
    def cycles(self) -> int:
        """Clocks from `start` to `done`, at most."""

    @abstractmethod
    def watched(self) -> Iterator[Watched]:
        """What is compared, besides the class."""

    def expected(self, k: np.ndarray) -> np.ndarray:
        """What the watched must be, then the class and the clocks.  k: (samples, inputs); returns (samples, watched +
        2)."""
        spikes, potentials = self.design.answer(k)
        *hidden, last = potentials
        columns = [
            np.stack([own, v - self.ahead(layer)], 2).reshape(len(k), -1)
            for layer, own, v in zip(self.design.hidden, spikes, hidden, strict=True)
        ]
        return np.concatenate([*columns, last, last.argmax(1)[:, None], np.full((len(k), 1), self.cycles)], 1)

    def ahead(self, layer: Layer) -> np.ndarray:
        """What the potentials of a hidden layer lack when they are watched."""
        return 0 * layer.gain

    @abstractmethod
    def numbers(self, layer: Layer, at: int, i: int) -> dict[str, Any]:
        """Widths and constants of neuron i of a layer."""

    def more(self) -> dict[str, Any]:
        """What else the template asks for."""
        return {}

    @property
    def bits(self) -> int:
        """Of a number of ticks."""
        return unsigned(self.design.ticks)

    def weight(self, layer: Layer) -> int:
        """Bits of a layer's stored weights."""
        return signed(layer.weights.min(initial=-1), layer.weights.max(initial=1))

    def threshold(self, layer: Layer) -> int:
        """Bits of its stored thresholds: beyond what its inputs can add up to none makes sense, but these may be."""
        reach = layer.inputs * (1 << (self.weight(layer) - 1)) * self.design.ticks
        return signed(max(reach, int(np.abs(layer.threshold).max(initial=0))))

    def reach(self, layer: Layer, i: int) -> tuple[int, int, tuple[int, ...]]:
        """The least and the most that inputs can add to neuron i in a tick, and the thresholds that it can have."""
        if self.programmable:
            end, most = 1 << (self.weight(layer) - 1), 1 << (self.threshold(layer) - 1)
            return -end * layer.inputs, (end - 1) * layer.inputs, (-most, most - 1)
        return int(layer.least[i]), int(layer.most[i]), (int(layer.threshold[i]),)

    def contents(self) -> tuple["Circuit", ...]:
        """What it is tried with: itself; if it is programmable, other weights and thresholds too, those at the ends of
        its words and random ones, so that no width is too small for any."""
        if not self.programmable:
            return (self,)
        generator, ends, others = np.random.default_rng(0), list[Layer](), list[Layer]()
        for layer in self.design.layers:
            end = 1 << (self.weight(layer) - 1)
            reach = end * layer.inputs * self.design.ticks
            weights = generator.choice([-end, end - 1], layer.weights.shape)
            weights[:, 0::3], weights[:, 1::3] = -end, end - 1
            # Silent inputs make all neurons spike as early as can be, so that the next layer hears all at once.
            ends.append(replace(layer, weights=weights, threshold=np.full(layer.neurons, -reach)))
            threshold = generator.integers(-reach // 16, reach // 16 + 1, layer.neurons)
            threshold[-1] = -reach  # the last class is the answer
            weights = generator.integers(-end, end, layer.weights.shape)
            others.append(replace(layer, weights=weights, threshold=threshold))
        return self, *(replace(self, design=replace(self.design, layers=tuple(one))) for one in (ends, others))

    def text(self, language: str = "verilog") -> str:
        """The circuit, in one of `LANGUAGES`.  Raises `InvalidSetting` where it has no template."""
        if language not in LANGUAGES or not (TEMPLATES / f"{self.module}.{LANGUAGES[language]}.j2").exists():
            raise InvalidSetting(
                f"style `{self.name}` is not written in `{language}`.",
                "Every style in verilog; sttfs, sttfs-pulse and ttfs in vhdl.",
                "Choose another language: --language.",
            )
        return rendered(f"{self.module}.{LANGUAGES[language]}", self.context())

    def bench(self, vectors: int) -> str:
        """A test bench that runs it over so many vectors."""
        more = {"vectors": vectors, "columns": list(self.watched()), "limit": 2 * self.cycles + 8}
        return rendered("bench.v", self.context() | more)

    def gates(self) -> str:
        """A test bench that measures what its gates switch; without their delays, what they answer."""
        half = HALF * len(self.design.layers)
        return rendered(
            "gates.v", self.context() | {"streams": self.streams, "half": half, "limit": 2 * self.cycles + 8}
        )

    def memory(self) -> list[int]:
        """What is written into a programmable circuit, from address 0."""
        return [
            int(value) for layer in self.design.layers for value in (*layer.weights.T.reshape(-1), *layer.threshold)
        ]

    def context(self) -> dict[str, Any]:
        """What the templates ask for."""
        design = self.design
        words = len(self.memory())
        address = unsigned(words)
        layers, first = [], 0
        for at, layer in enumerate(design.layers):
            neurons = [self._neuron(layer, at, i) for i in range(layer.neurons)]
            layers.append(
                {
                    "inputs": layer.inputs,
                    "size": layer.neurons,
                    "neurons": neurons,
                    "width": max(neuron["width"] for neuron in neurons),
                    "first": first,
                    "address": address,
                    "weight_bits": self.weight(layer),
                    "threshold_bits": self.threshold(layer),
                }
            )
            first += (layer.inputs + 1) * layer.neurons
        for neuron in layers[-1]["neurons"]:
            neuron["width"] = layers[-1]["width"]
        return {
            "version": version("isospike"),
            "module": self.module,
            "shape": "-".join(map(str, (design.inputs, *(layer.neurons for layer in design.layers)))),
            "ticks": design.ticks,
            "inputs": design.inputs,
            "classes": design.classes,
            "answer": unsigned(design.classes - 1),
            "bits": self.bits,
            "counter": unsigned(self.cycles),
            "cycles": self.cycles,
            "programmable": self.programmable,
            "words": words,
            "contents": len(self.contents()),
            "address": address,
            "value": max(max(layer["weight_bits"], layer["threshold_bits"]) for layer in layers),
            "layers": layers,
            "hidden": layers[:-1],
            "stimulus": self.stimulus.replace("{L}", str(design.ticks)),
            **self.more(),
        }

    def _neuron(self, layer: Layer, at: int, i: int) -> dict[str, Any]:
        least, most, _ = self.reach(layer, i)
        drive = max(signed(least, most), 2)
        weights = [
            (j, i * layer.inputs + j, int(layer.weights[j, i]))
            for j in range(layer.inputs)
            if self.programmable or layer.weights[j, i]
        ]
        return {"index": i, "drive": drive, "weights": weights} | self.numbers(layer, at, i)


def number(value: int, width: int) -> str:
    """A signed constant in Verilog, of so many bits or one more: the minus is taken after it has been widened."""
    size = abs(int(value))
    return f"{'-' if value < 0 else ''}{max(width, size.bit_length() + 1)}'sd{size}"


def constant(value: int, width: int) -> str:
    """A signed constant in VHDL, of so many bits; one that its integers do not reach is written bit by bit."""
    if abs(int(value)) < 1 << 31:
        return f"to_signed({value}, {width})"
    return f'signed\'("{int(value) % (1 << width):0{width}b}")'


def rendered(template: str, context: dict[str, Any]) -> str:
    """What a template makes of what it asks for."""
    return _templates().get_template(f"{template}.j2").render(context)


@cache
def _templates() -> "jinja2.Environment":
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    made.globals |= {"signed": signed, "unsigned": unsigned, "number": number, "constant": constant}
    return made
