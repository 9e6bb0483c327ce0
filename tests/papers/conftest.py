"""Data sets of noise in the layouts of the real ones, so that every experiment runs in seconds and nothing is
downloaded."""

import csv
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

IMAGES = 48


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory; weights are cached beside it."""
    rng = np.random.default_rng(0)
    for name in ("MNIST", "FashionMNIST"):
        raw = tmp_path / "data" / name / "raw"
        raw.mkdir(parents=True)
        for part in ("train", "t10k"):
            _idx(raw / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (IMAGES, 28, 28)))
            _idx(raw / f"{part}-labels-idx1-ubyte", rng.integers(0, 10, IMAGES))
    images, labels = rng.integers(0, 256, (2, IMAGES, 32, 32, 3)).astype(np.uint8), rng.integers(0, 10, (2, IMAGES))
    np.savez(
        tmp_path / "data" / "cifar10.npz",
        train_images=images[0],
        test_images=images[1],
        train_labels=labels[0],
        test_labels=labels[1],
    )
    _articles(tmp_path / "data" / "bbc_news" / "bbc_news.csv.gz")
    monkeypatch.setenv("ISOSPIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ISOSPIKE_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def _articles(path: Path) -> None:
    """Twelve a topic, of words of the topic and of all; the last two of each are equal."""
    path.parent.mkdir()
    rng = np.random.default_rng(0)
    with gzip.open(path, "wt", newline="") as file:
        table = csv.writer(file)
        table.writerow(["category", "text"])
        for topic in ("ball", "bank", "film", "party", "phone"):
            texts = [" ".join(rng.choice([topic, f"{topic}s", f"{topic}ish", "said", "day"], 9)) for _ in range(11)]
            table.writerows([topic, text] for text in [*texts, texts[-1]])


def _idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())
