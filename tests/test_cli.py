"""The command line: one JSON object with known keys, the same answer for the same model in any form, and errors of
three lines."""

import json
import runpy
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn
from typer.testing import CliRunner

import isospike_cli
from isospike import load, measure, simulate
from isospike.codings import TTFS, Rate
from isospike.data import open_data
from isospike.errors import OutOfRange
from isospike.report.claim import Setup
from isospike.zoo import lenet5
from isospike_cli.flat import _options
from isospike_cli.options import CodingOptions, Hardware, Thousand
from isospike_cli.papers import SetupOptions
from isospike_cli.training import Training

LENET = "isospike.zoo:lenet5"
SAMPLE = ("--data", "mnist-sample")
CHECK_KEYS = {
    "samples", "agreement", "max_abs_error", "rms_error", "logit_scale", "accuracy", "accuracy_original", "active_fraction", "spikes_per_neuron",
    "latency", "early_spikes", "inputs_outside_range", "layers", "simulators", "simulated", "dtype", "seconds", "rmse", "rmse_original", "r2", "r2_original",
}  # fmt: skip
LAYER_KEYS = {"name", "neurons", "max_abs_error", "errors", "active_fraction", "window"}
RUN_KEYS = {
    "samples", "accuracy", "active_fraction", "spikes_per_neuron", "latency", "early_spikes", "inputs_outside_range", "synaptic_operations", "macs",
    "macs_original",
    "energy_ratio", "energy_spiking_nj", "energy_original_nj", "prices", "dtype", "seconds",
}  # fmt: skip
STAGE_KEYS = {
    "name",
    "about",
    "neuron",
    "shape",
    "neurons",
    "synapses",
    "weights",
    "thresholds",
    "window",
    "begin",
    "delays",
    "largest",
    "bound",
    "ratio",
}


def call(*args: object) -> Any:
    """The command's result; errors come out as they are."""
    name, *rest = map(str, args)
    result = CliRunner().invoke(isospike_cli.app(name), rest)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def figures(*args: object) -> dict[str, Any]:
    """What `--json` printed: one object, one line, nothing else."""
    printed = call(*args, "--json").stdout
    assert printed.count("\n") == 1 and printed.endswith("}\n")
    found: dict[str, Any] = json.loads(printed)
    return found


def main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program."""
    monkeypatch.setattr(sys, "argv", ["isospike", *map(str, args)])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("isospike_cli.tables.err", Console(stderr=True, width=60))
    with pytest.raises(SystemExit) as stopped:
        isospike_cli.main()
    return (int(stopped.value.code or 0), *capfd.readouterr())


def tiny(channels: int = 1) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(channels)
        return nn.Sequential(nn.Conv2d(channels, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 4)).eval()


def archive(model: nn.Module, path: Path, *shape: int) -> Path:
    torch.export.save(torch.export.export(model, (torch.zeros(2, *shape),)), path)
    return path


@pytest.fixture(scope="module")
def snn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snn") / "lenet.safetensors"
    result = call("convert", LENET, *SAMPLE, "--out", path, "--samples", 100)
    assert result.stdout == ""
    assert f"wrote {path}" in result.stderr.replace("\n", "")
    return path


def test_convert(tmp_path: Path) -> None:
    found = figures("convert", LENET, *SAMPLE, "--out", tmp_path / "m.safetensors", "--samples", 20)
    network = load(tmp_path / "m.safetensors")
    assert found == {
        "file": str(tmp_path / "m.safetensors"),
        "stages": 7,
        "latency": network.latency,
        "coding": network.body.coding,
    }


def test_check() -> None:
    report = figures("check", LENET, *SAMPLE, "--samples", 50, "--events", 40)
    assert report.keys() == CHECK_KEYS
    assert all(layer.keys() == LAYER_KEYS for layer in report["layers"])
    assert report["samples"] == 50 and report["dtype"] == "float32"
    images, labels = next(open_data("mnist-sample").batches(50))
    expected = lenet5()(images)
    assert report["agreement"] == 1.0
    assert report["accuracy"] == report["accuracy_original"] == int((expected.argmax(1) == labels).sum()) / 50
    assert report["logit_scale"] == pytest.approx(float(expected.detach().abs().max()), rel=1e-6)
    assert set(report["simulators"]) == {"ClosedForm", "EventDriven"}
    assert report["simulated"] == {"ClosedForm": 50, "EventDriven": 40}
    alone = figures("check", "isospike.zoo:lenet5", *SAMPLE, "--samples", 205, "--simulator", "event-driven")
    assert alone["samples"] == 205  # of the usual 200 nothing is silently left out
    assert report["max_abs_error"] == max(report["simulators"].values()) <= 1e-4 * report["logit_scale"]
    assert report["rms_error"] <= report["max_abs_error"]
    assert [layer["neurons"] for layer in report["layers"]] == [
        6 * 28 * 28,
        6 * 14 * 14,
        16 * 10 * 10,
        16 * 5 * 5,
        120,
        84,
    ]
    assert report["latency"] == pytest.approx(
        1 + sum(layer["window"] for layer in report["layers"] if layer["neurons"] not in (1176, 400)), rel=1e-5
    )


def test_double_precision_is_exact() -> None:
    report = figures("check", LENET, *SAMPLE, "--samples", 20, "--dtype", "float64")
    assert report["dtype"] == "float64"
    assert 0 < report["max_abs_error"] <= 1e-9 * report["logit_scale"]
    assert all(layer["max_abs_error"] <= 1e-9 for layer in report["layers"])


@pytest.mark.parametrize("mapping", ["fixed", "positive", "dynamic"])
def test_settings_reach_the_coding(mapping: str, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    call(
        "convert",
        LENET,
        *SAMPLE,
        "--samples",
        50,
        "--out",
        out,
        "--mapping",
        mapping,
        "--margin",
        0.25,
        "--windows",
        "certified",
        "--outside",
        "clip",
        "--dtype",
        "float64",
    )
    network = load(out)
    assert network.dtype == torch.float64
    for setting in (f"mapping='{mapping}'", "margin=0.25", "windows='certified'", "outside='clip'"):
        assert setting in network.body.coding
    assert figures("inspect", out)["coding"] == network.body.coding


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)  # torch.onnx's own
def test_a_model_in_any_form(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    onnx = tmp_path / "lenet.onnx"
    torch.onnx.export(
        lenet5(),
        (torch.zeros(1, 1, 28, 28),),
        str(onnx),
        dynamo=False,
        dynamic_axes={"x": {0: "n"}},
        input_names=["x"],
    )
    images = next(open_data("mnist-sample").batches(20))[0]
    expected = lenet5()(images)
    for i, model in enumerate((LENET, archive(lenet5(), tmp_path / "lenet.pt2", 1, 28, 28), onnx)):
        call("convert", model, *SAMPLE, "--samples", 50, "--out", tmp_path / f"{i}.safetensors")
        readout = simulate(load(tmp_path / f"{i}.safetensors"), images).readout
        assert float((readout - expected).abs().max()) <= 1e-4 * float(expected.abs().max())
    report = figures("check", onnx, *SAMPLE, "--samples", 20)
    assert report["agreement"] == 1.0 and report["max_abs_error"] <= 1e-4 * report["logit_scale"]
    assert report["logit_scale"] == pytest.approx(float(expected.detach().abs().max()), rel=1e-5)


def test_run(snn: Path) -> None:
    found = figures("run", snn, *SAMPLE, "--samples", 50)
    expected = measure(load(snn), [next(open_data("mnist-sample").batches(50))])
    assert found.keys() == RUN_KEYS
    assert {key: value for key, value in found.items() if key != "seconds"} == {
        key: value for key, value in expected.items() if key != "seconds"
    }
    assert found["samples"] == 50 and found["inputs_outside_range"] == 0
    assert 0.9 < found["accuracy"] <= 1
    named = figures("run", snn, *SAMPLE, "--samples", 50, "--device", "cpu")
    assert named | {"seconds": 0} == found | {"seconds": 0}


def test_inspect(snn: Path) -> None:
    found = figures("inspect", snn)
    assert found.keys() == {"stages", "coding", "constraints", "preprocessing", "tuned_for"}
    assert all(stage.keys() == STAGE_KEYS for stage in found["stages"])
    network = load(snn)
    dense = found["stages"][-1]
    assert (dense["shape"], dense["neurons"], dense["synapses"]) == ([10], 10, 84 * 10)
    weights = network.stages[-1].groups[0].chain[0].tensors()["weight"]
    assert dense["weights"] == [float(weights.min()), float(weights.max())]
    assert dense["window"] == float(network.stages[-1].end - network.stages[-1].begin) and dense["delays"] == [
        float(network.stages[-1].groups[0].delay)
    ]
    first = found["stages"][0]
    assert (first["shape"], first["neurons"]) == ([6, 28, 28], 4704)
    assert first["neuron"] == "FirstSpikeIF" and first["ratio"] == first["bound"] / first["largest"] >= 1
    threshold = network.stages[0].neuron.threshold
    assert first["thresholds"] == [float(threshold.min()), float(threshold.max())]


def test_tables_for_people(snn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Console(width=200)
    monkeypatch.setattr("isospike_cli.one.out", wide)
    monkeypatch.setattr("isospike_cli.tables.out", wide)
    table = call("inspect", snn).stdout
    for heading in (
        "stage",
        "neurons",
        "synapses",
        "weights",
        "thresholds",
        "window",
        "bound",
        "delays",
        "4,704",
        "TTFS(",
    ):
        assert heading in table
    assert "accuracy" in call("run", snn, *SAMPLE, "--samples", 5).stdout
    printed = call("check", LENET, *SAMPLE, "--samples", 5).stdout
    assert "largest error" in printed and "agreement" in printed and "EventDriven" in printed


def write(path: Path, images: np.ndarray, **more: np.ndarray) -> Path:
    np.savez(path, images=images, **more)
    return path


RNG = np.random.default_rng(0)


def test_floating_point_is_used_as_it_is(tmp_path: Path) -> None:
    images = RNG.normal(size=(9, 1, 8, 8)).astype(np.float32)
    model, data = archive(tiny(), tmp_path / "m.pt2", 1, 8, 8), write(tmp_path / "d.npz", images)
    report = figures("check", model, "--data", data)
    expected = tiny()(torch.from_numpy(images)).detach()
    assert report["samples"] == 9 and report["accuracy"] is None
    assert report["logit_scale"] == pytest.approx(float(expected.abs().max()), rel=1e-6)
    call("convert", model, "--data", data, "--out", tmp_path / "m.safetensors")
    encoder = load(tmp_path / "m.safetensors").body.encoder
    margin = 0.1 * float(images.max() - images.min())
    assert (float(encoder.low), float(encoder.high)) == pytest.approx((images.min() - margin, images.max() + margin))
    call("convert", model, "--data", data, "--out", tmp_path / "m.safetensors", "--range", -9, 8)
    encoder = load(tmp_path / "m.safetensors").body.encoder
    assert (float(encoder.low), float(encoder.high)) == (-9, 8)


@pytest.mark.parametrize("layout", ["grey", "nhwc", "nchw"])
def test_pixels_are_scaled(layout: str, tmp_path: Path) -> None:
    channels = 1 if layout == "grey" else 3
    pixels = RNG.integers(0, 256, (9, channels, 8, 8)).astype(np.uint8)
    stored = {"grey": pixels[:, 0], "nhwc": pixels.transpose(0, 2, 3, 1), "nchw": pixels}[layout]
    data = write(tmp_path / "d.npz", stored, labels=np.arange(9) % 4)
    report = figures("check", archive(tiny(channels), tmp_path / "m.pt2", channels, 8, 8), "--data", data)
    expected = tiny(channels)(torch.from_numpy(pixels).float() / 255).detach()
    assert report["logit_scale"] == pytest.approx(float(expected.abs().max()), rel=1e-5)
    assert report["accuracy_original"] == int((expected.argmax(1) == torch.arange(9) % 4).sum()) / 9
    assert report["max_abs_error"] <= 1e-4 * report["logit_scale"]


def test_normalize(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (9, 3, 8, 8)).astype(np.uint8)
    model, data = archive(tiny(3), tmp_path / "m.pt2", 3, 8, 8), write(tmp_path / "d.npz", pixels)
    mean, std = torch.tensor([0.5, 0.4, 0.3]).reshape(3, 1, 1), torch.tensor([0.2, 0.25, 0.5]).reshape(3, 1, 1)
    report = figures("check", model, "--data", data, "--preprocess", "0.5 0.4 0.3, 0.2 0.25 0.5")
    x = (torch.from_numpy(pixels).float() / 255 - mean) / std
    assert report["logit_scale"] == pytest.approx(float(tiny(3)(x).detach().abs().max()), rel=1e-5)
    assert report["max_abs_error"] <= 1e-4 * report["logit_scale"]
    out = tmp_path / "m.safetensors"
    call("convert", model, "--data", data, "--preprocess", "0.5 0.4 0.3, 0.2 0.25 0.5", "--out", out)
    encoder = load(out).body.encoder
    assert torch.equal(encoder.low.reshape(3, 1, 1), -mean / std) and torch.equal(
        encoder.high.reshape(3, 1, 1), (1 - mean) / std
    )
    assert figures("run", out, "--data", data, "--preprocess", "0.5 0.4 0.3, 0.2 0.25 0.5")["samples"] == 9
    call(
        "convert",
        model,
        "--data",
        data,
        "--outside",
        "error",
        "--preprocess",
        "0.5 0.4 0.3, 0.2 0.25 0.5",
        "--out",
        out,
    )
    with pytest.raises(OutOfRange):  # unnormalised pixels reach below and above what normalised ones can be
        figures("run", out, "--data", write(tmp_path / "wide.npz", x.numpy() * 3))


def test_a_folder_of_images(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    for i, image in enumerate(pixels):
        place = tmp_path / "images" / f"class {i // 2}" / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)
    model = archive(tiny(3), tmp_path / "m.pt2", 3, 8, 8)
    report = figures("check", model, "--data", tmp_path / "images")
    expected = tiny(3)(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255).detach()
    assert report["samples"] == 6
    assert report["logit_scale"] == pytest.approx(float(expected.abs().max()), rel=1e-5)
    assert report["accuracy_original"] == int((expected.argmax(1) == torch.arange(6) // 2).sum()) / 6
    call("convert", model, "--data", tmp_path / "images", "--out", tmp_path / "m.safetensors", "--samples", 3)
    assert figures("run", tmp_path / "m.safetensors", "--data", tmp_path / "images", "--samples", 5)["samples"] == 5
    smaller = figures(
        "check",
        archive(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), tmp_path / "s.pt2", 3, 4, 4),
        "--data",
        tmp_path / "images",
        "--size",
        4,
    )
    assert smaller["samples"] == 6 and smaller["max_abs_error"] <= 1e-4 * smaller["logit_scale"]


def test_inputs_outside_the_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    model = archive(tiny(), tmp_path / "m.pt2", 1, 8, 8)
    inside, beyond = RNG.random((9, 1, 8, 8)).astype(np.float32), RNG.normal(size=(9, 1, 8, 8)).astype(np.float32)
    data, wide = write(tmp_path / "d.npz", inside), write(tmp_path / "w.npz", beyond)
    for outside in ("error", "clip"):
        call(
            "convert",
            model,
            "--data",
            data,
            "--range",
            0,
            1,
            "--outside",
            outside,
            "--out",
            tmp_path / f"{outside}.safetensors",
        )
        assert figures("run", tmp_path / f"{outside}.safetensors", "--data", data)["inputs_outside_range"] == 0
    with pytest.warns(UserWarning, match="are clipped"):
        found = figures("run", tmp_path / "clip.safetensors", "--data", wide)
    assert found["inputs_outside_range"] == int(((beyond < -1e-5) | (beyond > 1 + 1e-5)).sum())
    code, printed, said = main(monkeypatch, capfd, "run", tmp_path / "error.safetensors", "--data", wide, "--json")
    assert (code, printed) == (2, "")
    assert (
        said.startswith("OutOfRange: ")
        and len(said.splitlines()) == 3
        and "[0, 1]" in said
        and "--outside clip" in said
    )


@pytest.mark.parametrize(
    "args",
    [
        ("check", "model.pth", *SAMPLE),
        ("check", "no.such:model", *SAMPLE),
        ("check", LENET, "--data", "nowhere"),
        ("check", LENET, *SAMPLE, "--coding", "other"),
        ("check", LENET, *SAMPLE, "--device", "gpu"),
        ("compare", LENET, *SAMPLE, "--device", "gpu"),
        ("check", LENET, *SAMPLE, "--range", "1", "0"),
        ("convert", LENET, *SAMPLE, "--mapping", "other", "--out", "m.safetensors"),
        ("convert", LENET, *SAMPLE, "--out", "/no/such/folder/m.safetensors"),
        ("run", "none.safetensors", *SAMPLE),
        ("inspect", "none.safetensors"),
        ("reproduce", "none"),
    ],
    ids=lambda args: " ".join(args),
)
def test_an_error_is_three_lines(
    args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, printed, said = main(monkeypatch, capfd, *args)
    assert (code, printed) == (2, "")
    head, supported, remedy = (line for line in said.splitlines() if "converting" not in line)
    assert head.partition(": ")[0] in {"InvalidModel", "InvalidData", "InvalidSetting", "InvalidFile"}
    assert supported.startswith("  ") and remedy.startswith("  ")


def test_a_wrong_option_is_the_command_lines_own_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for args in (("check", LENET), ("check", LENET, *SAMPLE, "--samples", "0"), ("run", "--none"), ("unknown",)):
        code, printed, said = main(monkeypatch, capfd, *args)
        assert (code, printed) == (2, "") and "Error" in said and "Traceback" not in said


def test_an_interruption(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("isospike_cli.one.load", interrupt)
    code, printed, said = main(monkeypatch, capfd, "inspect", "m.safetensors")
    assert (code, printed) == (130, "") and "nterrupt" in said + "Interrupt" and "Traceback" not in said


def test_a_factory_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my_own_model.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
    )
    monkeypatch.chdir(tmp_path)
    code, printed, said = main(monkeypatch, capfd, "check", "my_own_model:make", *SAMPLE, "--samples", 3, "--json")
    assert code == 0, said
    assert json.loads(printed)["samples"] == 3


def test_the_module_runs_as_a_program(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["isospike", "--help"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("isospike", run_name="__main__")
    assert not stopped.value.code
    assert {"convert", "run", "check", "inspect", "reproduce"} <= set(capfd.readouterr().out.split())


def test_check_with_a_declared_range_and_one_simulator() -> None:
    report = figures("check", LENET, *SAMPLE, "--samples", 20, "--range", 0, 1, "--simulator", "closed-form")
    assert list(report["simulators"]) == ["ClosedForm"] and report["max_abs_error"] < 1e-4 * report["logit_scale"]


def imported(*args: str) -> set[str]:
    """The packages that a call of the program imports."""
    script = (
        f"import sys; sys.argv[1:] = {list(args)!r}\ntry:\n    from isospike_cli import main; "
        "main()\nfinally:\n    print('', *sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in said.splitlines()[-1].split()}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_list_of_commands_needs_no_torch(option: str) -> None:
    assert not imported(option) & {"torch", "numpy", "isospike", "typer", "rich"}


def test_every_command_is_listed_and_explains_its_options() -> None:
    known = isospike_cli.commands()
    assert set(known) == {
        "card",
        "check",
        "choose",
        "compare",
        "convert",
        "diagnose",
        "explore",
        "export",
        "import",
        "inspect",
        "page",
        "plot",
        "report",
        "reproduce",
        "run",
        "sweep",
        "synthesise",
        "train",
        "tune",
        "verify",
    }
    for name, (_, about) in known.items():
        text = " ".join(call(name, "--help").stdout.split())
        assert about.endswith(".") and "--help" in text, name


def test_an_option_is_a_field_of_what_it_sets() -> None:
    """Names, defaults, limits and explanations come from the dataclasses."""
    options = {one.name: one for one in _options(CodingOptions)}
    assert {f"{one.name}" for one in fields(TTFS)} | {one.name for one in fields(Rate)} - {"correction"} == set(
        options
    ) - {"coding"}
    assert "identical, fixed, positive, dynamic" in str(options["mapping"].annotation.__metadata__[0].help)
    assert {one.name for one in fields(Setup)} == {one.name for one in _options(SetupOptions)}
    samples = next(one for one in _options(Thousand) if one.name == "samples")
    assert samples.default == 1000 and samples.annotation.__metadata__[0].min == 1
    assert all(
        one.annotation.__metadata__[0].help.strip(".")
        for cls in (CodingOptions, SetupOptions, Thousand, Hardware, Training)
        for one in _options(cls)
    )
