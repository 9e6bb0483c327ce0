"""The similarity of patterns at a small size: all of it holds, and the picture is drawn."""

import hashlib
from pathlib import Path

import pytest

from claims import assert_printed_figures_are_shown, result_of
from isospike.errors import InvalidData
from isospike.report.claim import Setup
from isospike.report.result import keep, read
from isospike.store import Store
from isospike_papers.stanojevic2023.figA_8 import articles, folds, split


def test_the_overlap_of_patterns_is_the_similarity_of_values(tmp_path: Path) -> None:
    result = result_of("stanojevic2023-figA.4", Setup(samples=20))
    assert [one.text for one in result.held if not one.holds] == []
    measured = {row.case: row.measured for row in result.rows}
    cosines = [measured["ECTE, T = 100"][f"cosine, {i} bins apart"] for i in range(6)]
    # Another program's figures, over 784 features: 1, .75, .59, .42, .26, .09
    assert all(abs(a - b) < 0.02 for a, b in zip(cosines, (1, 0.75, 0.59, 0.42, 0.26, 0.09), strict=True))
    keep(result, tmp_path)
    assert read(tmp_path / "stanojevic2023-figA.4.json") == result and result.picture is not None


@pytest.mark.parametrize("name", ["stanojevic2023-figA.5", "stanojevic2023-figA.6"])
def test_networks_of_units_are_compared(name: str, data: Path) -> None:
    setup = Setup(samples=10, epochs=1, training=40, data_dir=data)
    result = result_of(name, setup)
    assert [row.case for row in result.rows][:4] == ["CTE, shallow", "CTE, deep", "ECTE, shallow", "ECTE, deep"]
    longer = 2 if name.endswith("A.5") else 1  # networks that are trained for more epochs
    assert len(result.rows) == 9 + longer and len(result.held) == 6
    for row in result.rows[:5]:
        assert row.measured["multiplications, first layer"] == 0
        assert row.measured["additions, first layer"] > 3 * 100 * 256
    own, same = (result.rows[i].measured["additions, first layer"] for i in (2, 4))
    assert own - same == pytest.approx(2 * 800 * 100), "a sum of three shifts against none, of as many spikes"
    rate = result.rows[5].measured
    assert rate["multiplications, first layer"] == 256 * 300 and "multiplication-free [%]" not in rate
    assert_printed_figures_are_shown(result)
    keep(result, Path("out"))
    assert Path("out", f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert result_of(name, setup).rows == result.rows, "networks come from the store"


def test_folds_of_articles_keep_equal_ones_together(data: Path) -> None:
    table = articles(data)
    texts, seen = table.columns["text"], list[int]()
    assert len(texts) == 60 > len(set(texts))
    for kept, tested in split(table, 0):
        assert not {texts[i] for i in kept} & {texts[i] for i in tested}
        assert sorted([*kept.tolist(), *tested.tolist()]) == list(range(60))
        seen += tested.tolist()
    assert sorted(seen) == list(range(60)), "each is tested once"
    for train, held_out, test in folds(Setup(trials=2, data_dir=data)):
        assert len(train) + len(held_out) + len(test) == 60 and len(held_out) == len(train) // 9 + 1


def test_units_classify_articles(data: Path) -> None:
    setup = Setup(trials=2, epochs=40, data_dir=data)
    result = result_of("stanojevic2023-figA.8", setup)
    assert [row.case for row in result.rows] == ["CTE", "ECTE", "ReLU", "linear support vector machine"]
    assert result.rows[1].measured["accuracy [%]"] > 60 and result.rows[3].measured["accuracy [%]"] > 90
    keep(result, Path("out"))
    assert Path("out", "stanojevic2023-figA.8.png").read_bytes().startswith(b"\x89PNG")
    (data / "bbc_news" / "bbc_news.csv.gz").unlink()
    with pytest.raises(InvalidData, match=r"bbc_news.csv.gz` does not exist"):
        next(folds(setup))


def test_fewer_spikes_of_a_segment_are_fewer_additions(data: Path) -> None:
    result = result_of("stanojevic2023-figA.7", Setup(samples=10, epochs=1, training=40, data_dir=data))
    assert [row.case for row in result.rows] == ["η = 6", "η = 4", "η = 2", "η = 1"]
    added = [row.measured["additions, first layer"] for row in result.rows]
    assert added == sorted(added, reverse=True) and result.held[0].holds
    keep(result, Path("out"))
    assert Path("out", "stanojevic2023-figA.7.png").read_bytes().startswith(b"\x89PNG")


def test_colour_images(data: Path) -> None:
    setup = Setup(samples=10, epochs=1, training=40, width=1, data_dir=data)
    result = result_of("stanojevic2023-figA.9", setup)
    cases = [f"CIFAR-10, {code} classifier" for code in ("CTE", "ECTE", "ReLU")]
    cases += [f"CIFAR-10, {code}, convolutional" for code in ("CTE", "ECTE", "rate code")]
    assert [row.case for row in result.rows] == [
        *cases,
        "CIFAR-100, ECTE, convolutional",
    ] and "not run" in result.rows[-1].note
    measured = {row.case: row.measured for row in result.rows[:-1]}
    for found in measured.values():
        assert found["accuracy [%]"] <= found["right among five [%]"] <= 100
    extended = measured["CIFAR-10, ECTE, convolutional"]
    # Nearly every pixel has 33 spikes, each to a channel at 9 / 4 places, and 16 · 16 units leak by three shifts
    assert extended["additions, first layer"] == pytest.approx(3072 * 33 * 9 / 4 + 3 * 256 * 100, rel=0.1)
    assert measured["CIFAR-10, rate code, convolutional"]["multiplications, first layer"] == 256 * 300
    assert_printed_figures_are_shown(result)
    keep(result, Path("out"))
    assert Path("out", "stanojevic2023-figA.9.png").read_bytes().startswith(b"\x89PNG")
    (trunk,) = Store().root.glob("vgg16-*/weights.safetensors")
    named = hashlib.sha256(trunk.read_bytes()).hexdigest()[:12]
    heard = [entry.name for entry in Store().root.glob("*features*")]
    assert len(heard) == 3 and all(f"-features-{named}-" in name for name in heard), "of these weights only"
