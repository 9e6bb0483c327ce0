"""A server of LeNet-5 on a free port, in a thread; and one with names that mean harm."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

import isospike as iso
from isospike.data import open_data
from isospike.explore import Subject, app, warm
from isospike.zoo import lenet5

httpx = pytest.importorskip("httpx", reason="the explore extra is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="the explore extra is not installed")
HOSTILE = "<img src=x onerror=alert(1)>"


@contextmanager
def serving(subject: Subject) -> Iterator[str]:
    """The address of a running server."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app(subject, port), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                thread.join(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="session")
def conversion() -> iso.Conversion:
    return iso.Conversion(lenet5(), open_data("mnist-sample", True).first(256))


@pytest.fixture(scope="session")
def data():
    return open_data("mnist-sample", False)


@pytest.fixture(scope="session")
def subject(conversion: iso.Conversion, data) -> Subject:
    made = Subject("lenet5", conversion, data)
    warm(made)
    return made


@pytest.fixture(scope="session")
def address(subject: Subject) -> Iterator[str]:
    with serving(subject) as at:
        yield at


@pytest.fixture(scope="session")
def client(address: str):
    with httpx.Client(base_url=address, timeout=60) as made:
        yield made


@pytest.fixture(scope="session")
def hostile() -> Iterator[str]:
    """A small network whose name and class names are markup."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    images = torch.randint(0, 256, (30, 1, 4, 4), dtype=torch.uint8)
    names = (HOSTILE, "</script><script>alert(2)</script>", '" onmouseover="alert(3)')
    data = replace(
        open_data("mnist-sample", True).first(30), images=images, labels=torch.arange(30) % 3, classes=names
    )
    with serving(Subject(HOSTILE, iso.Conversion(model.eval(), data), data)) as at:
        yield at
