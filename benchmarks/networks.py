"""The networks of the comparison with other tools, as plain PyTorch: nothing of isospike is needed to build them, only
to train them.

python benchmarks/networks.py NAME --out FILE.pt2 --data-dir DIR [--models FOLDER]     writes FILE.pt2, and beside it
FILE.safetensors, the weights, and FILE.samples.safetensors: images as the network takes them"""

import argparse
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

CALIBRATION = 1000  # training images
COLOURS = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}  # that the ResNet-20 was trained with


def lenet(pool: type[nn.Module]) -> nn.Sequential:
    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 5, padding=2), nn.BatchNorm2d(outputs), nn.ReLU(), pool(2)]

    return nn.Sequential(
        *block(1, 16), *block(16, 32), nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)
    )


def vgg16(width: int = 16) -> nn.Sequential:
    layers, inputs = list[nn.Module](), 3
    for factor, convolutions in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, factor * width, 3, padding=1), nn.BatchNorm2d(factor * width), nn.ReLU()]
            inputs = factor * width
        layers.append(nn.AvgPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs, inputs), nn.ReLU(), nn.Linear(inputs, 10))


class Block(nn.Module):
    """Two convolutions and a way around them, which leaves out every second place and pads with silent channels: as a
    convolution, which every tool reads."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.around: nn.Module = nn.Identity()
        if stride > 1:
            self.around = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            before = (outputs - inputs) // 2
            self.around.weight.data = torch.eye(outputs)[:, before : before + inputs, None, None].contiguous()

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.around(x))


class ResNet20(nn.Module):
    """He 2016, sec. 4.2, with the names of akamaster/pytorch_resnet_cifar10, whose weights it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        self.layer1 = nn.Sequential(*(Block(16, 16, 1) for _ in range(3)))
        self.layer2 = nn.Sequential(Block(16, 32, 2), *(Block(32, 32, 1) for _ in range(2)))
        self.layer3 = nn.Sequential(Block(32, 64, 2), *(Block(64, 64, 1) for _ in range(2)))
        self.pool, self.flatten, self.linear = nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.linear(self.flatten(self.pool(x)))


ARCHITECTURES = {
    "lenet-average": partial(lenet, nn.AvgPool2d),
    "lenet-max": partial(lenet, nn.MaxPool2d),
    "resnet20": ResNet20,
    "vgg16": vgg16,
}


def main() -> None:
    # Here, because the other tools' environment, which takes the architectures from this file, has no isospike.
    from isospike.data import open_data
    from isospike_papers.shared.data import MOVED, cifar10
    from isospike_papers.shared.recipe import Recipe, trained

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=ARCHITECTURES)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="where resnet20_cifar10.onnx is")
    arguments = parser.parse_args()

    name, make = arguments.name, ARCHITECTURES[arguments.name]
    if name.startswith("lenet"):
        train, test = (open_data("mnist", part, arguments.data_dir) for part in (True, False))
        model = trained(Recipe(f"{name}-mnist", epochs=4, decay=0.5), make, lambda: train)
    elif name == "vgg16":
        split = cifar10(arguments.data_dir, ((0.0,), (1.0,)))
        train, test = split.train, list(split.reported.values())[-1]
        model = trained(Recipe("vgg16-16-cifar10-average", epochs=8, decay=0.7, **MOVED), make, lambda: train)
    else:
        split = cifar10(arguments.data_dir, tuple(COLOURS.values()))
        train, test = split.train, list(split.reported.values())[-1]
        model = published(make(), arguments.models / "resnet20_cifar10.onnx")
    model = model.eval().requires_grad_(False)
    x, y = (torch.cat(parts) for parts in zip(*test.batches(1000), strict=True))
    right = sum(
        int((model(part).argmax(1) == of).sum()) for part, of in zip(x.split(1000), y.split(1000), strict=True)
    )
    print(f"{name}: test accuracy {right / len(x):.2%}")

    program = torch.export.export(
        model, (torch.zeros(2, *x.shape[1:]),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(program, arguments.out)
    save_file(model.state_dict(), arguments.out.with_suffix(".safetensors"))
    calibration = torch.cat(list(train.first(CALIBRATION)))
    ends = torch.stack([*map(torch.as_tensor, train.input_range())])
    samples = {"calibration": calibration, "images": x, "labels": y, "range": ends}
    save_file({key: t.contiguous() for key, t in samples.items()}, arguments.out.with_suffix(".samples.safetensors"))


def published(model: nn.Module, path: Path) -> nn.Module:
    """The model with the weights of an ONNX file that has its names."""
    import onnx

    weights = {
        one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy()) for one in onnx.load(path).graph.initializer
    }
    missing = model.load_state_dict(weights, strict=False).missing_keys
    if lacking := [name for name in missing if not name.endswith((".around.weight", ".num_batches_tracked"))]:
        raise SystemExit(f"{path} has no {', '.join(lacking)}")
    return model


if __name__ == "__main__":
    main()
