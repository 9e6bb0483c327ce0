"""Tables and texts: what a file says, as features; what is no table is refused with its place."""

import gzip
import math
from pathlib import Path

import pytest
import torch

import isospike as iso
from isospike.data import Table, TfIdf, open_data
from isospike.errors import InvalidData

IRIS = "width,height,label\n1.5,2,rose\n3,4e0,lily\n\n5,6,rose\n"


def written(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["iris.csv", "iris.csv.gz"])
def test_a_table_of_numbers_is_data(name: str, tmp_path: Path) -> None:
    data = open_data(str(written(tmp_path / name, IRIS)))
    ((x, y),) = data.batches()
    assert x.tolist() == [[1.5, 2], [3, 4], [5, 6]] and y is not None and y.tolist() == [1, 0, 1]
    assert data.classes == ("lily", "rose") and data.name == "iris"
    encoder = iso.CTE().fit(data)
    assert encoder.shape == (2,) and encoder(x).shape == (100, 3, 2)


def test_classes_that_are_numbers_keep_their_order(tmp_path: Path) -> None:
    table = Table.read(written(tmp_path / "t.csv", "x,target\n1,10\n2,9\n3,10\n"))
    assert table.classes == ("9", "10") and table.labels.tolist() == [1, 0, 1]
    again = Table.read(written(tmp_path / "u.csv", "x,target\n1,1.0\n2,1\n3,01\n"))
    assert again.classes == ("01", "1", "1.0"), "in one order in every process"
    part = table.rows([2, 1])
    assert part.columns == {"x": ("3", "2")} and part.labels.tolist() == [1, 0] and len(part) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns none, and 0 rows"),
        ("a,b\n1,2\n", "columns a, b, and 1 rows"),
        ("label,class\n1,2\n", "columns label, class"),
        ("a,a,label\n1,2,3\n", "columns a, a, label"),
        ("a,label\n", "0 rows"),
        ("a,label\n1,2\n1,2,3\n", "row 3: 3 cells under 2 columns"),
        ('a,label\n"1,2\n', "cannot be read"),
        ("a,label\n1,x\nnan,y\n", "column `a`, row 3: `nan` is no finite number"),
        ("a,label\n1,x\n1e300,y\n", "column `a`, row 3: `1e300` is no finite number of float32"),
        ("a,label\n1,x\n2,\n", "row 3: no class"),
        ("label\nx\ny\n", "holds classes alone"),
        ("a,label\nred,x\n", r"`red` is no finite number(.|\n)*TfIdf"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=said):
        open_data(str(written(tmp_path / "t.csv", text)))


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(b"a,label\n1,2\n")
    (tmp_path / "u.csv").write_bytes(b"a,label\n\xff,2\n")
    for name in ("t.csv.gz", "u.csv", "none.csv"):
        with pytest.raises(InvalidData, match="cannot be read"):
            Table.read(tmp_path / name)


def test_words_are_weighed_by_how_rare_they_are() -> None:
    """Eqs. A.39 and A.40, by hand."""
    texts = ["The cat, the CAT and a cat!", "The dog.", "the cat's dogs"]
    words = TfIdf(least=1).fit(texts)
    assert sorted(words.numbers) == ["and", "cat", "dog", "dogs", "the"]
    found, at = words(["the cat cat dog unheard", "", "The cat, the CAT and a cat!"]), words.numbers
    one = {"cat": math.log(3 / 2), "dog": 0.5 * math.log(3)}
    expected = torch.zeros(3, 5)
    for word, value in one.items():
        expected[0, at[word]] = value
    expected[2, at["cat"]], expected[2, at["and"]] = math.log(3 / 2), math.log(3) / 3
    torch.testing.assert_close(found, expected)
    assert list(TfIdf(least=2).fit(texts).numbers) == ["cat", "the"]
    with pytest.raises(InvalidData, match="no word stands in 5 of 3 texts"):
        TfIdf().fit(texts)
    for call in (TfIdf(least=1).fit, words):
        with pytest.raises(InvalidData, match=r"a text alone(.|\n)*\[text\]"):
            call("the cat")
