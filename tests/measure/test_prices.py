"""What operations cost: the literature's figures, one's own, and what is said of them."""

from pathlib import Path

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.errors import InvalidFile, InvalidSetting, IsospikeError
from isospike.measure import PRICES, Prices
from isospike_cli.priced import prices_of

X = torch.rand(8, 6)
MODEL = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))


def test_the_table_of_the_literature() -> None:
    """0.9, 3.7 and 4.6 pJ at 45 nm (Horowitz 2014); 77 fJ (Han 2023, eq. 24); 23.6 pJ (Davies 2018)."""
    one = PRICES["45nm"]
    assert (one.addition, one.multiplication, one.mac) == pytest.approx((0.9, 3.7, 4.6))
    assert {name: prices.synaptic_operation for name, prices in PRICES.items()} == {
        "45nm": 0.9,
        "han2023": 0.077,
        "loihi": 23.6,
    }
    assert [prices.name for prices in PRICES.values() if prices.two] == ["han2023", "loihi"]
    assert "two technologies" in str(PRICES["loihi"]) and "two technologies" not in str(one)


@pytest.mark.parametrize("coding", (iso.TTFS(), iso.Rate(steps=4)), ids=("ttfs", "rate"))
def test_energies_are_at_the_prices_that_are_given(coding: iso.Coding) -> None:
    net, dear = iso.convert(MODEL, X, coding, (0.0, 1.0)), Prices("dear", 100.0, 1.0, 9.0)
    usual, found = iso.measure(net, X), iso.measure(net, X, prices=dear)
    operations, macs = found["synaptic_operations"], found["macs"]
    assert found["energy_spiking_nj"] == pytest.approx((100 * operations + 10 * macs) / 1000)
    assert found["energy_original_nj"] == pytest.approx(10 * (30 + 10) / 1000)
    assert found["energy_ratio"] == pytest.approx(found["energy_spiking_nj"] / found["energy_original_nj"])
    assert usual["energy_spiking_nj"] == pytest.approx((0.9 * operations + 4.6 * macs) / 1000)
    assert "dear: 100 pJ a synaptic operation, 10 pJ" in found["prices"]


def test_a_ratio_to_nothing_is_none() -> None:
    net = iso.convert(MODEL, X, input_range=(0.0, 1.0))
    assert iso.measure(net, X, prices=Prices("free", 1.0, 0.0, 0.0))["energy_ratio"] is None


def test_prices_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    path.write_text('synaptic_operation = 2\nsource = "the data sheet"\n')
    assert prices_of(str(path)) == Prices("chip", 2, source="the data sheet")
    assert "two technologies" in str(prices_of(str(path)))  # arithmetic is at 45 nm, the chip may be anything
    path.write_text("synaptic_operation = 2\naddition = 1\nmultiplication = 5\n")
    assert "two technologies" not in str(prices_of(str(path)))
    assert prices_of("loihi") is PRICES["loihi"]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    (
        ("addition = 1", InvalidSetting, "no synaptic_operation"),
        ("synaptic_operation = 1\nprice = 2", InvalidSetting, "sets `price`"),
        ("synaptic_operation = -1", InvalidSetting, "from 0 on"),
        ('synaptic_operation = "1"', InvalidSetting, "from 0 on"),
        ("synaptic_operation = 1\nname = 5", InvalidSetting, "Texts"),
        ("synaptic_operation = 1\nsource = 2", InvalidSetting, "Texts"),
        ("synaptic_operation", InvalidFile, "cannot be read"),
        (None, InvalidFile, "cannot be read"),
    ),
)
def test_what_is_no_price(text: str | None, error: type[IsospikeError], said: str, tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=said):
        prices_of(str(path))
    with pytest.raises(InvalidSetting, match="45nm, han2023, loihi"):
        prices_of("unheard-of")
