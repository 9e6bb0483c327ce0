"""Tests import `zoo` and `random_networks` by name, and run on one thread each: xdist is the parallelism."""

import sys
from pathlib import Path

import numba
import pytest
import torch
from hypothesis import HealthCheck, Phase, settings
from jaxtyping import install_import_hook

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)
numba.set_num_threads(1)
# Shapes and types inside the house are checked, in tests only; at its border bad input meets errors of its own
# (test_errors.py).
INSIDE = ("ranges", "simulate.closed_form", "measure.agreement", "measure.meter", "measure.operations")
install_import_hook([f"isospike.{name}" for name in INSIDE], "beartype.beartype")
# A planted bug (mutants.py) is to be found, alike each time; how small an example shows it, or how soon, does not
# matter.
settings.register_profile(
    "mutants",
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def pytest_configure(config: pytest.Config) -> None:
    # PyTorch's remark on its own speed, in a network of the zoo.
    config.addinivalue_line("filterwarnings", "ignore:Using padding='same' with even kernel:UserWarning")
