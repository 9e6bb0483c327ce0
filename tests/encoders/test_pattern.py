"""Patterns: bins of training values, trains that overlap as they should, the similarity that they make, and what is
refused."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import isospike as iso
from isospike.encoders.pattern import PatternEncoder, Patterns, poisson
from isospike.errors import InvalidData, InvalidSetting

MAKERS = [iso.CTE(levels=3, steps=40), iso.ECTE(levels=4, neighbours=2, spikes=2, segment=4, steps=40)]


def features(samples: int = 300, inputs: int = 12, seed: int = 0) -> Tensor:
    """Some zeros, some values that come often, one feature that never comes."""
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(samples, inputs, generator=generator) * 8).round() / 8
    x[torch.rand(samples, inputs, generator=generator) < 0.4] = 0
    x[:, 3] = 0
    x[:, 4] = (x[:, 4] > 0).float()  # one value only
    return x


def bin_by_hand(values: list[float], levels: int) -> list[float]:
    """Where the second bin and those above begin: at every n/Q-th of the sorted non-zero values, equal ends merged."""
    known = sorted(v for v in values if v > 0)
    if not known:
        return []
    begins = [known[k * len(known) // levels] for k in range(levels)]
    return sorted({v for v in begins if v > begins[0]})


@pytest.mark.parametrize("levels", [1, 2, 5, 8])
def test_bins_hold_as_many_training_values_and_equal_ends_merge(levels: int) -> None:
    x = features()
    encoder = iso.CTE(levels=levels).fit(x)
    for f in range(x.shape[1]):
        expected = bin_by_hand(x[:, f].tolist(), levels)
        found = encoder.edges[f][torch.isfinite(encoder.edges[f])].tolist()
        assert found == pytest.approx(expected)
        assert int(encoder.bins[f]) == (0 if f == 3 else len(expected) + 1)
        drive = encoder.drive(x)[:, f]
        assert drive.tolist() == [0 if v == 0 else 1 + sum(v >= e for e in expected) for v in x[:, f].tolist()]
    assert int(encoder.bins[4]) == 1
    spread = torch.rand(1000, 1) + 0.1
    counts = torch.bincount(iso.CTE(levels=levels).fit(spread).drive(spread).long()[:, 0])[1:]
    assert int(counts.max() - counts.min()) <= 1


@pytest.mark.parametrize("maker", MAKERS, ids=repr)
def test_zero_is_silent_and_so_is_what_training_never_showed(maker: Patterns) -> None:
    encoder = maker.fit(features())
    x = torch.zeros(2, 12)
    x[1, 3] = 0.5
    assert not encoder(x).any()
    beyond = torch.full((1, 12), 7.0)
    within = torch.ones(1, 12)
    assert torch.equal(encoder(beyond), encoder(within)), "the last bin is open"
    low, least = torch.full((1, 12), 1e-6), encoder.drive(torch.full((1, 12), 1e-6))
    assert set(least[0].tolist()) == {0.0, 1.0} and encoder(low).sum() > 0
    trains = encoder.patterns[:, 1:].sum(2)
    used = torch.arange(maker.levels) < encoder.bins[:, None]
    assert bool((trains[used] > 0).all()) and not bool(trains[~used].any()), "no value looks like zero"


@pytest.mark.parametrize("neighbours", [1, 2, 5])
def test_trains_share_a_segment_for_every_step_of_nearness(neighbours: int) -> None:
    """Without a background overlaps are exact: η (μ_f − |i − j|) spikes, μ_f at most the feature's bins."""
    maker = iso.ECTE(levels=5, neighbours=neighbours, spikes=3, segment=7, steps=70, background=0.0)
    encoder = maker.fit(features(600))
    for f, bins in enumerate(encoder.bins.tolist()):
        trains = encoder.patterns[f, 1 : bins + 1].double()
        expected = [[3.0 * max(0, min(neighbours, bins) - abs(i - j)) for j in range(bins)] for i in range(bins)]
        assert (trains @ trains.T).tolist() == expected


def similarity(x: Tensor, y: Tensor, neighbours: Tensor) -> float:
    """Ψ of two rows of bins (eqs. A.20, A.31); neighbours: μ_f."""
    both = (x > 0) & (y > 0)
    near = (1 - (x - y).abs() / neighbours.clamp_min(1)).clamp_min(0)
    return float((near * both).sum() / math.sqrt(int((x > 0).sum()) * int((y > 0).sum())))


def cosine(a: Tensor, b: Tensor) -> float:
    """Of two patterns, (steps, inputs) each."""
    return float((a * b).sum() / (a.norm() * b.norm()))


def farthest(maker: Patterns, nearness: int) -> float:
    """The largest difference of a cosine from Ψ among 40 samples of 60 features."""
    x = features(400, inputs=60)
    encoder = maker.fit(x)
    drive, patterns = encoder.drive(x[:40]), encoder(x[:40]).float()
    near = encoder.bins.clamp_max(nearness).float()
    return max(
        abs(cosine(patterns[:, i], patterns[:, j]) - similarity(drive[i], drive[j], near))
        for i in range(40)
        for j in range(i)
    )


def test_the_cosine_of_patterns_tends_to_the_similarity_of_bins() -> None:
    """Eqs. A.30 and A.37, d = o(√T): what is left is the chance overlap of trains and the spread of their counts."""
    for steps, most in ((100, 0.12), (1600, 0.06)):
        assert farthest(iso.CTE(levels=4, steps=steps, spikes=steps**0.5 / 2), 1) < most
    for scale in (1, 16):
        segments = {"spikes": 8 * round(scale**0.5), "segment": 16 * scale, "steps": 100 * scale}
        assert farthest(iso.ECTE(levels=4, neighbours=3, background=1.0, **segments), 3) < 0.03


def test_the_worked_example_of_the_source() -> None:
    """Fig. A.4: three features, T = 4, Q = 3, segments of one step with one spike, a spike of background."""
    x = torch.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 2.0], [1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    encoder = iso.ECTE(levels=3, neighbours=2, spikes=1, segment=1, steps=4, background=1.0).fit(x)
    assert encoder.bins.tolist() == [1, 2, 3]
    assert encoder.drive(x).tolist() == [[1, 1, 1], [1, 2, 2], [1, 2, 3], [0, 1, 0]]
    for f, bins in enumerate((1, 2, 3)):
        own = min(2, bins)
        for i in range(bins):
            assert encoder.patterns[f, i + 1, i : i + own].tolist() == [1] * own
    assert encoder(x).shape == (4, 4, 3) and not encoder(x)[:, 3, 0].any()


def test_pieces_of_a_pattern_are_the_pattern() -> None:
    x = features(20).reshape(20, 3, 4)
    encoder = MAKERS[1].fit(x)
    drive = encoder.drive(x)
    pieces = torch.cat([encoder.train(drive, begin, min(16, 40 - begin), None) for begin in range(0, 40, 16)])
    assert torch.equal(pieces, encoder(x)) and pieces.shape == (40, 20, 3, 4)
    assert torch.equal(encoder.encode(x), encoder(x).float().mean(0))
    assert torch.equal(MAKERS[1].fit(x).patterns, encoder.patterns), "from one seed"
    with pytest.raises(InvalidSetting, match=r"41 steps of patterns of 40"):
        encoder.train(drive, 1, 40, None)


def test_no_train_is_empty() -> None:
    trains = poisson((20_000, 10), 0.05, torch.Generator().manual_seed(0))
    assert bool(trains.any(-1).all())
    assert float(trains.double().mean()) == pytest.approx(0.05 / (1 - 0.95**10), rel=0.02)


@pytest.mark.parametrize(
    ("maker", "settings", "said"),
    [
        (iso.CTE, {"levels": 0}, r"0 levels"),
        (iso.CTE, {"levels": 256}, r"1 to 255 levels"),
        (iso.CTE, {"spikes": 0.0}, r"at most one a step"),
        (iso.CTE, {"spikes": 101.0}, r"at most one a step"),
        (iso.CTE, {"levels": 2.5}, r"levels: a whole number"),
        (iso.ECTE, {"levels": 9}, r"13 segments.*of 8 steps in 100 steps[\s\S]*up to 12[\s\S]*up to 7 steps"),
        (iso.ECTE, {"neighbours": 0}, r"neighbours \+ levels − 1 up to 12"),
        (iso.ECTE, {"spikes": 9}, r"9 spikes in a segment of 8 steps"),
        (iso.ECTE, {"segment": 0}, r"segments of 0 steps|of 0 steps"),
        (iso.ECTE, {"background": -1.0}, r"of the background, from 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(maker: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        maker(**settings)


def test_features_that_cannot_be_encoded_are_refused(tmp_path: Path) -> None:
    maker, x = iso.CTE(), features()
    for wrong, said in ((x - 1, "negative"), (x / 0, "NaN or infinite"), (x * 0, "no feature is ever above 0")):
        with pytest.raises(InvalidData, match=said):
            maker.fit(wrong)
    with pytest.raises(InvalidData, match="no sample"):
        maker.fit(x[:0])
    encoder = maker.fit(x)
    for wrong, said in ((x - 1, "negative"), (x[:, :5], r"shape \(5,\) do not fit"), (x.long(), "float32 or float64")):
        with pytest.raises(InvalidData, match=said):
            encoder(wrong)


def test_a_value_has_one_bin_in_either_precision() -> None:
    x = torch.rand(500, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    encoder = iso.CTE(levels=8).fit(x)
    double = encoder.map_tensors(lambda _, t: t.double() if t.is_floating_point() else t)
    assert torch.equal(encoder.drive(x).double(), double.drive(x))
    assert torch.equal(encoder.drive(x.float()), encoder.drive(x))
    counts = torch.bincount(double.drive(x).long()[:, 0])[1:]
    assert int(counts.max() - counts.min()) <= 1
    for wrong in ([x[:2], x[2:4, :3]], x[:, 0]):
        with pytest.raises(InvalidData, match="Samples of one shape"):
            iso.CTE().fit(wrong)


def test_batches_of_any_kind_are_fitted_alike() -> None:
    x = features()
    whole = MAKERS[1].fit(x)
    for given in ([x[:100], x[100:]], (x, torch.zeros(300, dtype=torch.long)), iter([x])):
        other = MAKERS[1].fit(given)
        assert torch.equal(other.edges, whole.edges) and torch.equal(other.patterns, whole.patterns)
    assert isinstance(whole, PatternEncoder) and whole.settings == repr(MAKERS[1])
