"""How fast the living page of LeNet-5 answers, and what it takes in memory: python benchmarks/explore.py."""

import json
import socket
import statistics
import threading
import time
import urllib.request
from functools import partial

import psutil
import torch

IMPORTED = psutil.Process().memory_info().rss  # of PyTorch alone

import uvicorn  # noqa: E402

from isospike.convert import Conversion  # noqa: E402
from isospike.data import open_data  # noqa: E402
from isospike.explore import Subject, app, read_apart, warm  # noqa: E402
from isospike.zoo import lenet5  # noqa: E402

REQUESTS = 200


def memory() -> str:
    """What is resident, beyond what PyTorch is."""
    resident = psutil.Process().memory_info().rss
    return f"resident memory: {(resident - IMPORTED) / 1e6:.0f} MB beyond import torch"


def asked(address: str, settings: dict[str, object], sample: int) -> float:
    """Seconds until the answer is there."""
    text = json.dumps({"input": {"sample": sample}, "settings": settings}).encode()
    request = urllib.request.Request(f"{address}/api/run", text, {"Content-Type": "application/json"})
    begun = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        answer.read()
    return time.perf_counter() - begun


def main() -> None:
    """Serve, ask, print."""
    torch.set_num_threads(2)
    train, test = open_data("mnist-sample", True), open_data("mnist-sample", False)
    conversion = Conversion(lenet5(), train, reading=partial(read_apart, "isospike.zoo:lenet5"))
    subject = Subject("lenet5", conversion, test)
    warm(subject)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app(subject, port), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        print(memory())
        for name, settings in (
            ("ttfs", lambda _: {"coding": "ttfs"}),
            ("ttfs, another margin each time", lambda k: {"coding": "ttfs", "margin": 0.1 + k / 500}),
            ("rate", lambda _: {"coding": "rate"}),
        ):
            took = sorted(asked(f"http://127.0.0.1:{port}", settings(k), k) for k in range(REQUESTS))
            median, late = 1000 * statistics.median(took), 1000 * took[int(0.95 * REQUESTS)]
            print(f"{name}: median {median:.0f} ms, 95th percentile {late:.0f} ms of {REQUESTS} requests")
        print(memory())
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
