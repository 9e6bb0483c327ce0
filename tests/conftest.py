"""Tests import `zoo` and `random_networks` by name, and run on one thread each: xdist is the parallelism."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)


def pytest_configure(config: pytest.Config) -> None:
    # PyTorch's remark on its own speed, in a network of the zoo.
    config.addinivalue_line("filterwarnings", "ignore:Using padding='same' with even kernel:UserWarning")
