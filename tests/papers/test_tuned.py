"""What is tuned or runs on a clock, at a tiny size: what is exact is exact, and every picture is drawn."""

from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from claims import assert_printed_figures_are_shown, result_of
from isospike.report.claim import Setup
from isospike.report.result import keep, read
from isospike.store import Store
from isospike_papers.shared.subject import Subject
from isospike_papers.stanojevic2023.parts import tuning

EXACT = {"stanojevic2023-clocked": 3, "stanojevic2023-table3.2": 2, "stanojevic2023-fig3.5": 0}
TINY = Setup(samples=4, width=1, epochs=1, training=16, trials=2)


@pytest.mark.parametrize("name", EXACT)
def test_it_runs_and_says_what_it_found(name: str, data: Path) -> None:
    result = result_of(name, replace(TINY, data_dir=data))
    assert [one.text for one in result.held[: EXACT[name]] if not one.holds] == []
    assert_printed_figures_are_shown(result)
    keep(result, Path("out"))
    assert read(Path("out", f"{name}.json")) == result
    assert Path("out", f"{name}.png").exists() == (name != "stanojevic2023-clocked")


def test_what_is_tuned_from_other_weights_is_not_taken_from_the_store(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning.Tuning(replace(TINY, data_dir=data)).tuned([])
    base = tuning.vgg16_cifar10

    def other(setup: Setup) -> Subject:
        subject = base(setup)
        assert isinstance(subject.model, nn.Sequential)
        subject.model[-1].bias += 1
        return subject

    monkeypatch.setattr(tuning, "vgg16_cifar10", other)
    for _ in range(2):  # the second time it is there
        tuning.Tuning(replace(TINY, data_dir=data)).tuned([])
        assert len(list(Store().root.glob("tuned-vgg16-*"))) == 2
