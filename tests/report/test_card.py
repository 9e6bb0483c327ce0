"""A model card says what was measured, to the digits that it shows; hubs can read it; and no name becomes markup."""

import hashlib
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from markdown_it import MarkdownIt
from test_html import LENET, SAMPLE, call, lenet
from torch import nn

import isospike as iso
from isospike.convert import Conversion
from isospike.data import Data
from isospike.errors import InvalidFile, InvalidModel, InvalidSetting
from isospike.measure import PRICES, checked, measure
from isospike.report.card import card, plain, quoted
from isospike.report.case import Case
from isospike.simulate import simulate

__all__ = ["lenet"]  # a fixture

X = torch.rand(40, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
DATA = Data("made", X, torch.arange(40) % 3, classes=("a", "b", "c"))
HOSTILE = (
    "<script>alert(1)</script>",
    "| a | b |\n# top\n- x\n---\n",
    "![i](http://x.yy/i.png) [l](javascript:1) <http://x.yy> http://x.yy www.x.yy a@x.yy",
    "`code` \\. \\| ``` ~~~ \\*b* \\<b> *b* _i_ ~~s~~ $m$ &lt; \\ {{x}} {% y %} :x: #1 @who",
    "\u2028\u0085\x00\x1b[31m\u202e",
    "",
)


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    return Conversion(model, DATA, (0.0, 1.0))


def made(conversion: Conversion, data: Data = DATA, coding: iso.Coding | None = None, **more: Any) -> Case:
    network = conversion.network(iso.TTFS() if coding is None else coding, torch.float64)
    found = checked(conversion.original(torch.float64), conversion.exact(network.body.signed), network, data.batches())
    more = {"found": found, "figures": measure(network, data.batches()), **more}
    return Case("net on made", "isospike card net", {"seed": 0}, network, data, **more)


def shown(text: str) -> str:
    """What a hub shows: the page behind the front matter, by an implementation of CommonMark with tables."""
    body = text.split("---\n", 2)[2]
    return MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").render(body)


def table(text: str, title: str) -> list[list[str]]:
    part = re.search(rf"<h2>{title}</h2>(.*?)(<h2>|$)", shown(text), re.S)
    assert part is not None
    rows = re.findall(r"<tr>(.*?)</tr>", part[1], re.S)
    return [[unescape(cell) for cell in re.findall(r"<t[dh]>(.*?)</t[dh]>", row, re.S)] for row in rows]


def near(value: float) -> Any:
    return pytest.approx(value, rel=6e-4, abs=1e-15)  # four digits are shown


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_its_figures_are_those_of_the_network(conversion: Conversion) -> None:
    one = made(conversion)
    assert one.network is not None
    text = card(one, "net.safetensors", "0" * 64, "mit")
    found = dict(table(text, "Measured"))
    trace = simulate(one.network, X, iso.EventDriven())
    hidden = trace.codes[one.network.stages[0].name] > 0
    right = (trace.readout.argmax(1) == DATA.labels).double().mean()
    assert number(found["accuracy"]) == near(float(right))
    assert number(found["spikes a neuron"]) == near(float(hidden.double().mean()))
    assert number(found["latency [τ]"]) == near(one.network.latency)
    operations = float((X > 0).sum(1).double().mean()) * 6 + float(hidden.sum(1).double().mean()) * 3
    head, *rows = table(text, "Energy")
    for cells in rows:
        named = dict(zip(head, cells, strict=True))
        price = PRICES[named["prices"]]
        assert number(named["spiking [nJ]"]) == near(operations * price.synaptic_operation / 1000)
        assert number(named["original [nJ]"]) == near((8 * 6 + 6 * 3) * price.mac / 1000)
    assert {row[0] for row in rows} == set(PRICES)


def test_the_proof_is_both_simulators_against_the_original(conversion: Conversion) -> None:
    one = made(conversion)
    assert one.network is not None
    text = card(one, "net.safetensors", "0" * 64, "mit")
    head, (name, neurons, *errors, _) = table(text, "Agreement with the original")
    assert head[2:4] == ["largest error, ClosedForm", "largest error, EventDriven"] and (name, neurons) == ("0", "6")
    original = conversion.original(torch.float64)
    assert all(0 <= number(error) < 1e-12 for error in errors)
    largest = max(
        float((simulate(one.network, X, run).readout - original(X)).abs().max())
        for run in (iso.ClosedForm(), iso.EventDriven())
    )
    assert number(re.findall(r"no output is more than (\S+) off", text)[0]) == pytest.approx(largest, rel=1e-2)
    assert "all 40 predictions agree" in text


def test_without_the_original_nothing_is_claimed_of_it(conversion: Conversion) -> None:
    text = card(made(conversion, found=None), "net.safetensors", "0" * 64, "mit")
    assert "Nothing is claimed of an original" in text and "Agreement" not in text and "agree" not in text


def test_a_network_over_time(conversion: Conversion) -> None:
    text = card(made(conversion, coding=iso.Rate(steps=8)), "net.safetensors", "0" * 64, "mit")
    assert number(dict(table(text, "Measured"))["latency [step]"]) == 8 and "T = 8" in text and "Rate(" in text


def test_hardware_is_told(conversion: Conversion) -> None:
    one = made(conversion)
    assert one.network is not None
    chip = iso.constrain(one.network, [iso.WeightBits(4)], [X])
    tuned = iso.SpikingNetwork(replace(chip.body, tuned_for=(iso.SpikeJitter(0.01),)))
    text = unescape(shown(card(replace(one, network=tuned), "net.safetensors", "0" * 64, "mit")))
    assert "On this hardware: WeightBits(" in text and "Trained for SpikeJitter(sd=0.01" in text
    ideal = card(one, "net.safetensors", "0" * 64, "mit")
    assert "hardware" not in ideal and "Trained" not in ideal


def test_hubs_read_the_front_matter(conversion: Conversion) -> None:
    front = yaml.safe_load(card(made(conversion), "net", "0" * 64, 'b"s\\d: #1').split("---\n")[1])
    assert front == {
        "library_name": "isospike",
        "license": 'b"s\\d: #1',
        "tags": ["spiking-neural-network", "isospike"],
        "metrics": ["accuracy"],
    }
    unlabelled = Data("made", X, None)
    front = yaml.safe_load(card(made(conversion, unlabelled), "net", "0" * 64, "no").split("---\n")[1])
    assert "metrics" not in front and front["license"] == "no"


@pytest.mark.parametrize("text", [*HOSTILE, "no", "1e3", "- a", "a: b", "é 😀"])
def test_yaml_reads_any_text_back(text: str) -> None:
    assert yaml.safe_load(f"a: {quoted(text)}\nb:\n- {quoted(text)}\n") == {"a": text, "b": [text]}


@pytest.mark.parametrize("licence", ["", "  ", "mit\nx: 1", "a\u2028b", "\ud800"])
def test_a_licence_is_a_name(licence: str, conversion: Conversion) -> None:
    with pytest.raises(InvalidSetting, match="licence"):
        card(made(conversion), "net", "0" * 64, licence)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_markup(name: str, conversion: Conversion) -> None:
    usual = card(made(conversion), "net", "0" * 64, "mit")
    data = replace(DATA, name=name, classes=(name, "b|c", "d"))
    network = conversion.network(iso.TTFS(), torch.float64)
    network = iso.SpikingNetwork(replace(network.body, preprocessing=data.preprocessing))
    one = replace(made(conversion, data), network=network, command=name, settings={"network": name, "seed": 0})
    text = card(one, name, "0" * 64, "mit")
    assert "datasets" not in yaml.safe_load(text.split("---\n")[1])
    page, before = shown(text), shown(usual)
    tags = re.findall(r"<[^>]*>", page)
    assert set(tags) == set(re.findall(r"<[^>]*>", before)) and tags.count("<h2>") == before.count("<h2>")
    assert not re.search(r"<(a|img|script|em|strong|del)\b", page)
    assert all(
        len(row) == 2 for row in table(text, "Inputs") + table(text, "Measured") + table(text, "How this was made")
    )
    classes = dict(table(text, "Inputs"))["classes, in the order of the outputs"]
    seen = " ".join("".join(c if c.isprintable() else " " for c in f"{name}; b|c; d").split())
    assert classes == seen


def test_autolinks_are_broken() -> None:
    assert not re.search(r"\w://|www\.|\w@", plain(HOSTILE[2]))


def test_the_command_writes_one(lenet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, how = tmp_path / "README.md", ("--samples", 20, "--license", "apache-2.0")
    call("card", lenet, "--model", LENET, *SAMPLE, *how, "--out", out)
    text = out.read_text()
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "apache-2.0"
    assert hashlib.sha256(lenet.read_bytes()).hexdigest() in text and "all 20 predictions agree" in text
    code = re.search(r"```\n(import isospike.*?)```", text, re.S)
    assert code is not None
    x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    names: dict[str, Any] = {"x": x}
    monkeypatch.chdir(lenet.parent)
    exec(code[1], names)  # as a reader of the card would
    assert torch.equal(names["scores"], iso.load(lenet)(x))
    with pytest.raises(InvalidFile, match="exists"):
        call("card", lenet, *SAMPLE, *how, "--out", out)
    assert out.read_text() == text
    call("card", lenet, *SAMPLE, *how, "--out", out, "--overwrite")
    assert "Nothing is claimed of an original" in out.read_text()
    for wrong in (tmp_path / "card.html", tmp_path / "none" / "README.md"):
        with pytest.raises(InvalidFile, match=r"ends in \.md"):
            call("card", lenet, *SAMPLE, *how, "--out", wrong)


def test_another_model_is_refused(lenet: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(
        "from torch import nn\n"
        "def model():\n"
        "    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4056, 10)).eval()\n"
    )
    with pytest.raises(InvalidModel, match=r"layer `0` has shape \(6, 26, 26\) in the model"):
        call(
            "card",
            lenet,
            "--model",
            f"{tmp_path}/other.py:model",
            *SAMPLE,
            "--samples",
            20,
            "--license",
            "mit",
            "--out",
            tmp_path / "a.md",
        )
    assert not (tmp_path / "a.md").exists()
