"""An operation without a spiking counterpart is an error that lists every place in the user's model."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.errors import InvalidModel, UnsupportedOperation
from isospike.importers.torch import from_torch
from zoo import Net, conv, do


@pytest.mark.filterwarnings("ignore:The tensor attributes self.memory:UserWarning")  # torch.export's remark on nn.LSTM
def test_every_place_is_listed_at_once() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 5), nn.ReLU())
            self.memory = nn.LSTM(5, 5, batch_first=True)
            self.gate = nn.Sequential(nn.Linear(5, 5), nn.Sigmoid())
            self.head = nn.Sequential(nn.Linear(5, 3), nn.GELU())

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.gate(self.memory(self.features(x))[0]))

    with pytest.raises(UnsupportedOperation) as error:
        from_torch(Model(), torch.zeros(2, 7, 4))
    places = error.value.what.splitlines()
    assert [line.strip().split(" has")[0] for line in places if "has no spiking counterpart" in line] == [
        "`features.1` (aten.gelu)",
        "`memory` (aten.lstm.input)",
        "`gate.1` (aten.sigmoid)",
        "`head.1` (aten.gelu)",
    ]
    assert len(places) == 4
    assert "relu" in error.value.supported
    assert error.value.remedy


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.LeakyReLU(-0.1), "slope -0.1"),
        (nn.PReLU(3), "one number"),
        (do(torch.clamp, min=0.5), "clamp"),
        (do(torch.clamp, min=-1.0, max=0.0), "clamp"),
        (do(torch.clamp, min=torch.zeros(4)), "one number"),
        (nn.Hardtanh(-2.0, -1.0), "hardtanh|clamp"),
        (nn.Threshold(0.1, 0.0), "threshold"),
        (nn.ReflectionPad2d(1), "padding|pad"),
        (do(F.pad, (1, 1), "constant", 0.5), "zeros"),
        (do(F.pad, (-1, 0)), "negative padding"),
        (nn.Softmax(1), "before the output"),
        (do(lambda x: x * x), "product"),
        (do(lambda x: x.roll(1, 1)), "roll"),
        (nn.MaxPool2d((1, 2), 1, (0, 1), (1, 5)), "padding only"),
        (do(lambda x: x.transpose(0, 1).transpose(0, 1)), "batch"),
        (nn.BatchNorm2d(3, track_running_stats=False), "running statistics"),
        (do(F.dropout, 0.5, True), "training mode"),
        (do(lambda x: x.to(torch.int32).to(torch.float32)), "cast"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_argument_without_counterpart_is_an_error_with_its_place(layer: nn.Module, reason: str) -> None:
    model = nn.Sequential(conv(2, 3), layer, conv(3, 2, 1))
    with pytest.raises(UnsupportedOperation, match=reason) as error:
        from_torch(model, torch.zeros(2, 2, 6, 6))
    assert "`1" in error.value.what or "`roll" in error.value.what


def test_weights_that_are_not_numbers() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    with torch.no_grad():
        model[0].weight[1, 2] = torch.nan
    with pytest.raises(InvalidModel, match="`0` has NaN or infinite numbers in its weight"):
        from_torch(model, torch.zeros(2, 4))


def test_an_output_that_ignores_the_input() -> None:
    with pytest.raises(InvalidModel, match="does not depend on its input"):
        from_torch(Net(lambda m, x: m.a(torch.ones(2, 3)), a=nn.Linear(3, 2)), torch.zeros(2, 4))


def test_an_input_of_another_shape() -> None:
    with pytest.raises(InvalidModel, match=r"cannot be exported for inputs of shape \(5,\)"):
        from_torch(nn.Linear(4, 3), torch.zeros(2, 5))


def test_the_model_keeps_its_mode_and_its_input() -> None:
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3), nn.Dropout())
    x = -torch.ones(2, 4)
    from_torch(model, x)
    assert model.training and model[2].training
    assert torch.equal(x, -torch.ones(2, 4))


def test_a_soft_max_over_places_is_refused_and_one_over_classes_is_taken_off() -> None:
    places = nn.Sequential(nn.Conv1d(2, 3, 1), nn.Softmax(-1))
    with pytest.raises(UnsupportedOperation, match="another dimension"):
        from_torch(places, torch.zeros(2, 2, 6))
    assert "soft-max" in from_torch(nn.Sequential(nn.Conv1d(2, 3, 1), nn.Softmax(1)), torch.zeros(2, 2, 6)).notes[0]
