"""export --to nir, import and verify from the command line."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import isospike
import isospike_cli
from isospike import TTFS, Rate, convert
from isospike.data import open_data
from isospike.errors import InvalidFile, InvalidSetting
from isospike.export.nir import beside, environment
from isospike.neurons import IF
from isospike.simulate import StepByStep
from test_cli import call, figures

pytest.importorskip("nir", reason="the package `nir` is not installed: pip install 'isospike[nir]'")
IRIS = "--data", "iris"


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4-6-3 on Iris, random, as rates."""
    torch.manual_seed(0)
    x = torch.cat(list(open_data("iris", True)))
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    network = convert(model, x, Rate(steps=16, neuron=IF(reset="zero"), initial=0.0), (0.0, 1.0))
    path = tmp_path_factory.mktemp("rates") / "flowers.safetensors"
    isospike.save(network, path)
    return path


def test_exported_and_imported(flowers: Path, tmp_path: Path) -> None:
    graph = tmp_path / "net.nir"
    found = figures("export", flowers, *IRIS, "--to", "nir", "--out", graph)
    assert found["target"] == "any" and found["steps"] == 16 and found["golden_samples"] == 10
    assert found["golden_spikes"] > 0 and 0.9 < found["same_prediction"] <= 1
    assert beside(graph).exists()
    said = figures("import", graph)
    assert said == {"file": str(tmp_path / "net.safetensors"), "stages": 2, "steps": 16}
    x = torch.cat(list(open_data("iris", False)))
    own, other = isospike.load(flowers), isospike.load(said["file"])
    a, b = (StepByStep().trace(one, x.to(one.dtype)).trains["0"].float().mean() for one in (own, other))
    assert float((a - b).abs()) < 0.01  # the grid
    call("inspect", said["file"])
    with pytest.raises(InvalidFile, match="exists"):
        call("import", graph)
    assert figures("import", graph, "--steps", 4, "--overwrite")["steps"] == 4


def test_first_spikes_for_isospike_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.cat(list(open_data("iris", True)))
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    own, graph = tmp_path / "ttfs.safetensors", tmp_path / "net.nir"
    for coding, simulator in ((TTFS(), "ClosedForm"), (TTFS(gated=False), "EventDriven")):
        isospike.save(convert(model, x, coding, (0.0, 8.0)), own)
        found = figures("export", own, *IRIS, "--to", "nir", "--target", "isospike", "--out", graph)
        assert found == {
            "target": "isospike", "nodes": 6, "simulator": simulator, "golden_samples": 10, "samples": 50, "differing": 0
        }  # fmt: skip
        verified = figures("verify", graph, "--target", "isospike")
        assert verified["outcome"] == "equal" and verified["packages"].keys() == {"isospike"}
        assert [(row["neurons"], row["differing"]) for row in verified["layers"]] == [(6, 0)]
        with pytest.raises(InvalidFile, match="is there already"):
            call("export", own, *IRIS, "--to", "nir", "--target", "isospike", "--out", graph)
        assert "isospike import" not in call("import", graph, "--out", tmp_path / "again.safetensors").stdout
        assert (tmp_path / "again.safetensors").read_bytes() == own.read_bytes()
        with pytest.raises(InvalidSetting, match="nothing to say"):
            call("import", graph, "--out", tmp_path / "other.safetensors", "--steps", 4)
        for path in (graph, beside(graph), tmp_path / "again.safetensors"):
            path.unlink()


@pytest.mark.parametrize("target", ["snntorch", "norse"])
def test_verified(flowers: Path, target: str, tmp_path: Path) -> None:
    try:
        environment(target)
    except InvalidSetting as error:
        pytest.skip(f"{error.what} {error.remedy}")
    graph = tmp_path / "net.nir"
    call("export", flowers, *IRIS, "--to", "nir", "--target", target, "--out", graph)
    found = figures("verify", graph, "--target", target)
    assert found["outcome"] == "equal" and found["layers"][0]["differing"] == 0 and found["packages"][target]
    assert "equal" in call("verify", graph, "--target", target).stdout
    call("export", flowers, *IRIS, "--to", "nir", "--target", "snntorch", "--out", tmp_path / "other.nir")
    (tmp_path / "other.nir").replace(graph)  # a graph with the thresholds of another, halved
    import nir

    other = nir.read(graph)
    other.nodes["s_0"].v_threshold /= 2
    nir.write(graph, other)
    result = CliRunner().invoke(isospike_cli.app("verify"), [str(graph), "--target", target, "--json"])
    assert result.exit_code == 1 and json.loads(result.stdout)["outcome"] == "differs"


def test_what_cannot_be_is_refused(flowers: Path, tmp_path: Path) -> None:
    for more, said in (
        (
            ("--to", "nir", "--style", "ann", "--out", tmp_path / "a.nir"),
            "--style and others would do nothing with --to nir",
        ),
        (("--target", "norse", "--out", tmp_path / "b"), "--target would do nothing with --to rtl"),
        (("--to", "nir", "--target", "lava", "--out", tmp_path / "a.nir"), "target `lava`"),
        (("--to", "nir", "--target", "spinnaker2", "--out", tmp_path / "a.nir"), "pip finds neither"),
        (("--to", "nir", "--target", "sinabs", "--out", tmp_path / "a.nir"), "reset `zero`"),
    ):
        with pytest.raises(InvalidSetting, match=said):
            call("export", flowers, *IRIS, *more)
    with pytest.raises(InvalidFile, match=r"does not end in \.nir"):
        call("export", flowers, *IRIS, "--to", "nir", "--out", tmp_path / "a.h5")
    with pytest.raises(InvalidSetting, match="reset `none`"):
        call("import", tmp_path / "a.nir", "--reset", "none")
    with pytest.raises(InvalidFile, match="does not exist"):
        call("verify", tmp_path / "a.nir", "--target", "norse")
    assert not list(tmp_path.iterdir())
