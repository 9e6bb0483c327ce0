"""The LeNet of the comparison with other tools, trained on MNIST once for each kind of pooling; its inputs are pixels
in [0, 1].

python benchmarks/lenet.py --pool average|max --out FILE.pt2 --data-dir DIR     writes FILE.pt2, and FILE.safetensors
beside it"""

import argparse
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

POOLS = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}


def architecture(pool: str) -> nn.Sequential:
    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 5, padding=2), nn.BatchNorm2d(outputs), nn.ReLU(), POOLS[pool](2)]

    return nn.Sequential(
        *block(1, 16), *block(16, 32), nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)
    )


def main() -> None:
    # Here, because the other tools' environment, which takes the architecture from this file, has no isospike.
    from isospike.data import open_data
    from isospike_papers.shared.recipe import Recipe, trained

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", choices=POOLS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    arguments = parser.parse_args()

    recipe = Recipe(f"lenet-{arguments.pool}-mnist", epochs=4, decay=0.5)
    model = trained(
        recipe,
        partial(architecture, arguments.pool),
        partial(open_data, "mnist", train=True, directory=arguments.data_dir),
    )
    test = open_data("mnist", directory=arguments.data_dir)
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in test.batches(1000))
    print(f"{recipe.name}: test accuracy {right / len(test):.2%}")

    program = torch.export.export(
        model, (torch.zeros(2, 1, 28, 28),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(program, arguments.out)
    save_file(model.state_dict(), arguments.out.with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
