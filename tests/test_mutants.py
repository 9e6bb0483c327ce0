"""The mutation tool: it draws alike, what it plants is a program that differs, and it tells tests that prove something
from tests that do not."""

import ast
from pathlib import Path

from mutants import draw, mutants, passes

PROGRAM = '''"""Not touched: 1 + 1."""
def area(α: "1 + 1", b: int = 2) -> "1 + 1":
    b += 1
    if not b > 3:
        raise ValueError(f"{b + 1} is too small", 1 + 1)
    return max(α * b, 0.5)  # 1 + 1
'''


def written(folder: Path) -> Path:
    (folder / "src").mkdir()
    (folder / "src" / "area.py").write_text(PROGRAM)
    return folder / "src"


def test_every_change_of_a_small_program(tmp_path: Path) -> None:
    source = written(tmp_path)
    found = mutants(source, [source / "area.py"])
    planted = [ast.unparse(ast.parse(mutant.planted(PROGRAM.encode()))) for mutant in found]
    assert {mutant.key.partition("⟦")[2].partition("⟧")[0] for mutant in found} == {
        "2 → 3", "b += 1 → b -= 1", "b += 1 → pass", "1 → 0", "1 → 2", "not b > 3 → b > 3", "b > 3 → b >= 3", "b > 3 → b < 3",
        "3 → 4", "max(α * b, 0.5) → min(α * b, 0.5)", "α * b → α / b", "0.5 → 1.0", "0.5 → -0.5",
    }  # fmt: skip
    assert len({*planted, ast.unparse(ast.parse(PROGRAM))}) == len(found) + 1


def test_a_draw_is_repeated_and_does_not_depend_on_other_lines(tmp_path: Path) -> None:
    source = written(tmp_path)
    first = [mutant.key for mutant in draw(mutants(source, [source / "area.py"]), 5, seed=3)]
    (source / "area.py").write_text(PROGRAM.replace("def area", "import math\n\n\ndef area"))
    every = mutants(source, [source / "area.py"])
    assert (
        [mutant.key for mutant in draw(every, 5, seed=3)] == first != [mutant.key for mutant in draw(every, 5, seed=4)]
    )


def test_tests_that_prove_nothing_let_a_mutant_live(tmp_path: Path) -> None:
    source = written(tmp_path)
    (minus,) = (mutant for mutant in mutants(source, [source / "area.py"]) if "b -= 1" in mutant.key)
    (source / "area.py").write_bytes(minus.planted(PROGRAM.encode()))
    (tmp_path / "conftest.py").write_text("from hypothesis import settings\n\nsettings.register_profile('mutants')\n")
    for name, line in {"vain": "assert area(2.0, 6)", "by_value": "assert area(2.0, 6) == 14.0"}.items():
        (tmp_path / f"test_{name}.py").write_text(f"from area import area\n\n\ndef test() -> None:\n    {line}\n")
    vain, by_value = ([str(tmp_path / f"test_{name}.py")] for name in ("vain", "by_value"))
    assert passes(vain, source, tmp_path, 600) and not passes(by_value, source, tmp_path, 600)
    assert not passes(vain, source, tmp_path, 0.01), "what takes too long has failed"
