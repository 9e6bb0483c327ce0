"""Every command's help has an example, and it runs."""

import ast
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import isospike as iso
import isospike_cli
from isospike.data import open_data

PLACE = Path(isospike_cli.__file__).parent
FOUND = {
    node.name.removesuffix("_command"): (ast.get_docstring(node) or "").partition("Example: ")[2]
    for path in PLACE.glob("[a-z]*.py")
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name.endswith("_command")
}
# What is made by one is read by another.
ORDER = (
    "convert",
    "run",
    "inspect",
    "plot",
    "check",
    "compare",
    "choose",
    "diagnose",
    "train",
    "tune",
    "export",
    "report",
    "card",
    "sweep",
)
LEFT = {
    "lenet.safetensors", "raster.png", "comparison", "rate.safetensors", "fc2.safetensors", "tuned.safetensors", "build", "results", "report.html", "README.md", "study",
}  # fmt: skip


def flowers() -> None:
    """A network of whole numbers on Iris."""
    torch.manual_seed(0)
    x = torch.cat(list(open_data("iris", True)))
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    ticking = iso.constrain(iso.convert(model, x, input_range=(0.0, 1.0)), [iso.TimeSteps(7), iso.WeightBits(4)], [x])
    iso.save(ticking, "flowers.safetensors")


STUDY = """
networks = ["isospike.zoo:lenet5"]
data = "mnist-sample"
methods = ["ttfs"]
images = [[0, 5]]
calibration = 20
"""


def test_every_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flowers()
    Path("study.toml").write_text(STUDY)
    circuits = ("synthesise",) if shutil.which("iverilog") else ()
    assert (
        set(FOUND)
        == set(isospike_cli.commands())
        == {*ORDER, "synthesise", "reproduce", "page", "explore", "import", "verify"}
    )  # explore serves until it is stopped; the last two need other tools: tests/test_cli_exchange.py
    for name in (*ORDER, *circuits, "reproduce", "page"):
        for line in " ".join(FOUND[name].split()).split(" && "):
            program, command, *arguments = shlex.split(line)
            assert program == "isospike", name
            result = CliRunner().invoke(isospike_cli.app(command), arguments, catch_exceptions=False)
            assert result.exit_code == 0, f"{line}\n{result.output}"
    assert {path.name for path in tmp_path.iterdir()} >= LEFT
