"""A report carries what was measured, to the digit, needs nothing beside it, and takes no text for markup."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import isospike as iso
import isospike_cli
from browser import needs_browser, page, wide
from isospike.convert import Conversion
from isospike.data import Data, open_data
from isospike.errors import InvalidFile
from isospike.measure import checked, curve, diagnose, measure
from isospike.report.case import Case, Differing, Level
from isospike.report.evidence import disagreeing, imperfect
from isospike.report.html import html
from isospike.report.sections import SECTIONS
from isospike.report.verdict import verdict
from isospike.simulate import simulate

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def data() -> Data:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(24, 1, 8, 8, generator=generator)
    return Data("made", images, torch.arange(24) % 3, classes=("no", HOSTILE, "\"quoted\" & 'more'"))


@pytest.fixture(scope="module")
def conversion(data: Data) -> Conversion:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 6), nn.ReLU(), nn.Linear(6, 3)
    )
    return Conversion(model, data, (0.0, 1.0))


def case(conversion: Conversion, data: Data, coding: iso.Coding, **more: object) -> Case:
    network = conversion.network(coding, torch.float64)
    original = conversion.original(torch.float64)
    found = checked(original, conversion.exact(network.body.signed), network, data.batches(8))
    more = {"found": found, "figures": measure(network, data.batches()), "differing": [], **more}
    return Case("net on made", "isospike report net", {"seed": 0}, network, data, **more)


def charts(text: str) -> list[dict]:
    return json.loads(re.search(r'id="charts">(.*?)</script>', text, re.S)[1])


def unpacked(data: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(data["packed"]), "<f4").reshape(-1, data["columns"])


def rows(text: str, section: str) -> list[list[str]]:
    part = re.search(rf'<section id="{section}".*?</section>', text, re.S)[0]
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", part, re.S)]


def test_errors_of_every_layer_in_every_simulator(conversion: Conversion, data: Data) -> None:
    one = case(conversion, data, iso.TTFS())
    head, *body = rows(html(one), "agreement-with-the-original")
    assert head == ["layer", "neurons", "largest error, ClosedForm", "largest error, EventDriven", "active"]
    exact = conversion.exact().to(torch.float64)
    values: dict[str, torch.Tensor] = {}
    x = one.network.own(next(iter(data)))
    exact(x, lambda name, value: values.update({name: value}))
    for simulator, column in ((iso.ClosedForm(), 2), (iso.EventDriven(), 3)):
        trace = simulate(one.network, x, simulator)
        for name, *cells in body:
            stage = trace.stage(name)
            error = float((stage.neuron.value(trace.codes[name]) - values[name]).abs().max())
            assert float(cells[column - 1]) == pytest.approx(error, rel=1e-3, abs=1e-18)


def test_the_raster_has_every_spike(conversion: Conversion, data: Data) -> None:
    one = case(conversion, data, iso.TTFS())
    drawn = next(c for c in charts(html(one)) if len(c["options"]) == 6)
    trace = simulate(one.network, one.network.own(next(iter(data))[:6]))
    for sample, option in enumerate(drawn["options"]):
        shown = {series["name"]: unpacked(series["data"]) for series in option["series"]}
        codes = one.network.body.encoder.encode(one.network.own(next(iter(data))[:6]))[sample].flatten()
        assert len(shown.pop("input")) == int((codes > 0).sum())
        for name, points in shown.items():
            times = trace.times(name)[sample].flatten()
            fired = times.isfinite()
            order = points[:, 2].argsort()
            assert points[order, 2].tolist() == fired.nonzero().flatten().tolist()
            expected = float(trace.stage(name).begin) + times[fired]
            assert np.allclose(points[order, 0], expected, atol=1e-5)


def test_spikes_of_every_step(conversion: Conversion, data: Data) -> None:
    one = case(conversion, data, iso.Rate(steps=8))
    drawn = next(c for c in charts(html(one)) if len(c["options"]) == 6)
    trace = simulate(one.network, one.network.own(next(iter(data))[:6]))
    for series in drawn["options"][2]["series"]:
        train = trace.trains[series["name"]][:, 2].flatten(1)
        points = {(int(t), int(n)) for t, _, n in unpacked(series["data"])}
        assert points == {(int(t) + 1, int(n)) for t, n in (train != 0).nonzero()}


@pytest.mark.parametrize("coding", [iso.TTFS(), iso.Rate(steps=8)], ids=["ttfs", "rate"])
def test_every_section_is_there_and_nothing_is_taken_for_markup(
    coding: iso.Coding, conversion: Conversion, data: Data
) -> None:
    one = case(conversion, data, coding)
    sample = next(iter(data))[0]
    more: dict = {"levels": imperfect(one.network, data, list(data)), "differing": [Differing(3, sample, 1, 2, 0.5)]}
    if one.network.body.steps:
        more["moments"] = curve(one.network, data.batches(), conversion.original(torch.float64))
        more["findings"] = diagnose(one.network, data.batches())
    more["rows"] = iso.report.compare(conversion.graph, data, list(data.batches()), {HOSTILE: coding}, 4, (0.0, 1.0))
    more["epochs"] = [{"epoch": 1, "loss": 0.5, "accuracy": 0.9}, {"epoch": 2, "loss": 0.4, "accuracy": 0.95}]
    more["circuits"] = [{"folder": HOSTILE, "style": "ttfs", "exact": True, "compared": 10, "differing": 0}]
    one = replace(one, title=f"{HOSTILE}.safetensors on x", command=f"isospike report '{HOSTILE}'", **more)
    text = html(one)
    missing = [section.__name__ for section in SECTIONS if section(one) is None]
    assert missing == ([] if one.network.body.steps else ["over_time", "mechanisms"])
    assert HOSTILE not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert len(text.encode()) < 5e6
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert len(re.findall(r"<script>", text)) == 3 and not re.search(r'(src|href)="(?!#|data:)', markup)
    assert "default-src 'none'" in text


def test_energy_is_operations_times_prices(conversion: Conversion, data: Data) -> None:
    one = case(conversion, data, iso.TTFS())
    head, *body = rows(html(one), "energy")
    operations = one.figures["synaptic_operations"]
    for cells in body:
        named = dict(zip(head, cells, strict=True))
        spent = operations * float(named["synaptic operation [pJ]"]) / 1000
        assert float(named["spiking [nJ]"].replace(",", "")) == pytest.approx(spent, rel=1e-3)


def test_verdicts(conversion: Conversion, data: Data) -> None:
    one = case(conversion, data, iso.TTFS())
    assert verdict(one).good is True and "computes what its original computes" in verdict(one).said
    near = replace(one, found=replace(one.found, max_abs_error=0.01))
    assert "comes near" in verdict(near).said
    broken = conversion.network(iso.TTFS(), torch.float64)
    with torch.no_grad():
        for parameter in broken.parameters():
            if parameter.ndim > 1 and parameter.shape[0] == 3:
                parameter.neg_()
    found = checked(conversion.original(torch.float64), conversion.exact(), broken, data.batches(8))
    wrong = verdict(replace(one, network=broken, found=found))
    assert wrong.good is False and "does not compute" in wrong.said
    original = conversion.original(torch.float64)
    assert disagreeing(one.network, original, data, iso.ClosedForm()) == []
    differing = disagreeing(one.network, lambda x: -original(x), data, iso.ClosedForm())
    assert [d.number for d in differing] == list(range(12))
    answers = original(one.network.own(next(iter(data))[:12]))
    assert [(d.ours, d.theirs) for d in differing] == list(
        zip(answers.argmax(1).tolist(), answers.argmin(1).tolist(), strict=True)
    )
    assert verdict(replace(one, found=None)).good is None
    circuits = [{"folder": "a", "compared": 5, "differing": 1}]
    assert verdict(Case("t", "c", {}, circuits=circuits)).good is False


def test_imperfections_lower_accuracy_at_last(data: Data) -> None:
    sample = open_data("mnist-sample", False).first(50)
    network = iso.convert(iso.zoo.lenet5(), open_data("mnist-sample", True).first(100))
    levels = imperfect(network, sample, list(open_data("mnist-sample", True).first(100)))
    kinds = {level.kind for level in levels}
    assert kinds == {"spike jitter", "ticks", "weight precision"}
    worst = [level for level in levels if (level.kind, level.strength) == ("weight precision", 2)]
    best = [level for level in levels if (level.kind, level.strength) == ("weight precision", 8)]
    assert isinstance(worst[0], Level) and worst[0].accuracies[0] < best[0].accuracies[0] - 0.1


SAMPLE = ("--data", "mnist-sample")
LENET = "isospike.zoo:lenet5"


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lenet") / "lenet.safetensors"
    call("convert", LENET, *SAMPLE, "--out", path)
    return path


def call(name: str, *rest: object) -> None:
    result = CliRunner().invoke(isospike_cli.app(name), list(map(str, rest)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output


def test_every_command_writes_one(lenet: Path, tmp_path: Path) -> None:
    few = ("--samples", 20)
    call("check", LENET, *SAMPLE, *few, "--events", 5, "--report", tmp_path / "check.html")
    call("run", lenet, *SAMPLE, *few, "--report", tmp_path / "run.html")
    call("compare", LENET, *SAMPLE, *few, "--methods", "ttfs", "--report", tmp_path / "compare.html")
    tuned = ("--epochs", 1, "--out", tmp_path / "tuned.safetensors")
    call("tune", lenet, *SAMPLE, "--samples", 64, *tuned, "--report", tmp_path / "tune.html")
    call("report", lenet, "--model", LENET, *SAMPLE, *few, "--out", tmp_path / "report.html")
    for name in ("check", "run", "compare", "tune", "report"):
        text = (tmp_path / f"{name}.html").read_text()
        assert text.startswith("<!DOCTYPE html>") and len(text) < 5e6 and "isospike 0" not in text
    assert "computes what its original computes" in (tmp_path / "report.html").read_text()
    assert "none was given" in (tmp_path / "run.html").read_text()


@pytest.mark.parametrize("name", ["there/is/none.html", "picture.png"])
def test_a_report_that_cannot_be_written_is_refused_at_once(name: str, lenet: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="cannot be written"):
        call("run", lenet, *SAMPLE, "--report", tmp_path / name)
    assert not list(tmp_path.iterdir())


@needs_browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_in_a_browser_with_the_network_off(
    width: int, dark: bool, conversion: Conversion, data: Data, tmp_path: Path
) -> None:
    path = tmp_path / "a <b> & c.html"
    path.write_text(html(case(conversion, data, iso.TTFS())))
    with page(width, dark, offline=True) as (made, wrong):
        made.goto(path.as_uri())
        assert not wide(made)
        count = made.locator(".chart").count()
        for k in range(count):
            made.locator(".chart").nth(k).scroll_into_view_if_needed()
        made.wait_for_function(
            "document.querySelectorAll('.chart canvas').length == document.querySelectorAll('.chart').length"
        )
        select = made.locator("select").first
        number = select.get_attribute("data-of")
        drawn = f"document.querySelector('#chart-{number} canvas').toDataURL()"
        before = made.evaluate(drawn)
        select.focus()
        made.keyboard.press("ArrowDown")
        made.wait_for_function(f"before => {drawn} != before", arg=before)
        zoom = f"begin({number}).made.getOption().dataZoom[0].start"
        assert made.evaluate(zoom) == 0
        box = made.locator(f"#chart-{number}").bounding_box()
        made.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        made.mouse.wheel(0, -400)
        made.wait_for_function(f"{zoom} > 0")
        assert made.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)"
        )
        made.emulate_media(media="print")
        assert made.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert wrong == []
