"""The code on every page runs as it is written."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

import isospike as iso
from isospike.data import open_data

ROOT = Path(__file__).parent.parent
BUILT = ("_build", "api")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.relative_to(ROOT / "docs").parts[0] not in BUILT),
]
BLOCK = re.compile(r"^( *)```(?:python|{code-cell})\n(.*?)^ *```", re.S | re.M)
BLOCKS = {
    str(page.relative_to(ROOT)): [dedent(block) for _, block in found]
    for page in PAGES
    if (found := BLOCK.findall(page.read_text()))
}


@pytest.mark.parametrize("page", BLOCKS)
def test_every_python_block_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS[page]:
        exec(compile(block, page, "exec"), names)


def test_what_the_readme_saves_takes_images_that_it_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS["README.md"][0], "README.md", "exec"), {})
    found = iso.measure(iso.load("lenet.safetensors"), open_data("mnist-sample", train=False).batches())
    assert found["accuracy"] > 0.97 and found["inputs_outside_range"] == 0


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_has_code() -> None:
    assert len(BLOCKS["README.md"]) > 2
