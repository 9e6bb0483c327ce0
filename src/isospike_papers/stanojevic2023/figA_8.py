"""On texts, whose features are words, units on patterns do as well as a linear classifier, which does very well.

BBC News: articles of five topics, as tf-idf of their words, in folds; equal articles are in one fold, and words, bins
and networks are fitted to the training parts alone.  Source: Stanojevic 2023, Fig. A.8, eqs. A.39 and A.40."""

import statistics
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from isospike.data import Data, Table, TfIdf
from isospike.errors import InvalidData, IsospikeError
from isospike.report.claim import Claim, Found, Row, Setup, at_least, at_most
from isospike_papers.shared.data import folder
from isospike_papers.shared.recipe import TRAINS
from isospike_papers.stanojevic2023.parts.compared import (
    ACCURACY,
    FREE,
    LOOKED_UP,
    MACHINE,
    PRODUCTS,
    WHOLE,
    drawn,
    figures,
    right,
)
from isospike_papers.stanojevic2023.parts.patterns import (
    CODES,
    DROPOUT,
    PENALTY_OF_TEXTS,
    RATES,
    Plan,
    answering,
    machine,
    original,
)

HIDDEN, OUTPUTS, FOLDS = (200,), 10, 10
DEVIATION = "SD over folds [points]"


class FigA8(Claim):
    """Fig. A.8: patterns of news articles, units against a ReLU network and a linear classifier."""

    source = "Stanojevic 2023, Fig. A.8"
    options = TRAINS | {"training": (100, None, None), "epochs": (1, 10, 100), "trials": (2, FOLDS, FOLDS)}

    def measure(self, setup: Setup) -> Found:
        """Train every network on every fold, and average."""
        found: dict[str, list[dict[str, float]]] = {}
        share, words, articles = [], [], 0
        for fold, (train, held_out, test) in enumerate(folds(setup)):
            for code in CODES:
                one = Plan(
                    f"bbc-{fold}", code, HIDDEN, OUTPUTS, setup.epochs or 1, len(train), setup.seed, RATES["bbc"]
                )
                network = answering(one, train, held_out, setup.device)
                found.setdefault(code, []).append(figures(network, test))
            x = torch.cat(list(test))
            share.append(float((x > 0).double().mean()))
            words.append(x.shape[1])
            articles += len(test)
            relu = right(original(f"bbc-{fold}", HIDDEN, train, setup.epochs or 1, setup), test)
            found.setdefault("ReLU", []).append({ACCURACY: relu, PRODUCTS: share[-1] * x.shape[1] * HIDDEN[0]})
            svm = machine(train, test, setup.seed, PENALTY_OF_TEXTS)
            found.setdefault(MACHINE, []).append({ACCURACY: svm})
        mean = {case: {key: statistics.mean(one[key] for one in of) for key in of[0]} for case, of in found.items()}
        rows = [
            Row(case, mean[case] | {DEVIATION: statistics.stdev(one[ACCURACY] for one in found[case])})
            for case in found
        ]
        lost = max(mean[code][ACCURACY] - mean[code][FREE] for code in CODES)
        whole = max(mean[code][ACCURACY] - mean[code][WHOLE] for code in CODES)
        return Found(
            rows=rows,
            held=(
                at_least("ECTE answers right", mean["ECTE"][ACCURACY], 96, "%"),
                at_most("ECTE and CTE are alike", abs(mean["ECTE"][ACCURACY] - mean["CTE"][ACCURACY]), 1, "point"),
                at_most(
                    "ECTE comes near the ReLU network", mean["ReLU"][ACCURACY] - mean["ECTE"][ACCURACY], 1, "point"
                ),
                at_most("and the classifier", mean[MACHINE][ACCURACY] - mean["ECTE"][ACCURACY], 1, "point"),
                at_most("without multiplications little is lost", lost, 0.3, "points"),
                at_most("nor in whole numbers", whole, 0.3, "points"),
            ),
            notes=(
                f"{len(share)} of {FOLDS} folds, {articles:,} articles in them, about {statistics.mean(words):,.0f} "
                f"words that stand in 5 articles or more; {100 * statistics.mean(share):.1f} % of the features are "
                "not zero, where the source prints about 32 %.",
                f"{setup.epochs} epochs, of which the best by a tenth of the training articles is taken; learning "
                f"rate {RATES['bbc']:g}, dropout {DROPOUT}.  The source names neither; its thresholds begin at 0.07, "
                "here at 1.  The classifier is a linear "
                f"support vector machine with C = {PENALTY_OF_TEXTS:g}.",
                LOOKED_UP,
            ),
            draw=lambda: drawn(rows, f"BBC News, {len(share)} folds", network, test),
        )


def folds(setup: Setup) -> Iterator[tuple[Data, Data, Data]]:
    """Training, held-out and test articles of each fold, as features.  Raises `InvalidData`, `IsospikeError`."""
    table = articles(setup.data_dir)
    for kept, tested in islice(split(table, setup.seed), setup.trials):
        order = kept[torch.randperm(len(kept), generator=torch.Generator().manual_seed(setup.seed))]
        order = order[: setup.training]
        cut = len(order) * 9 // 10
        parts = [table.rows(rows.tolist()) for rows in (order[:cut], order[cut:], tested)]
        words = TfIdf().fit(parts[0].columns["text"])
        train, held_out, test = (
            Data("bbc", words(part.columns["text"]), part.labels, classes=part.classes) for part in parts
        )
        yield train, held_out, test


def split(table: Table, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows to train on and rows to test on, of each fold; equal articles are on one side.  Raises `IsospikeError`."""
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError as error:
        raise IsospikeError(
            "folds need scikit-learn, which is not installed.", remedy="Run: pip install 'isospike[papers]'"
        ) from error
    texts = table.columns["text"]
    number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    groups = [number[text] for text in texts]
    for kept, tested in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(
        texts, table.labels, groups
    ):
        yield torch.as_tensor(kept), torch.as_tensor(tested)


def articles(data_dir: Path | None) -> Table:
    """The articles: a table with the columns category and text.  Raises `InvalidData`."""
    path = folder(data_dir) / "bbc_news" / "bbc_news.csv.gz"
    if not path.exists():
        raise InvalidData(
            f"`{path}` does not exist.",
            "A table with the columns category and text.",
            "Put it there, or name its place: --data-dir, ISOSPIKE_DATA.",
        )
    return Table.read(path)
