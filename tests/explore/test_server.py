"""Only this machine's page is answered, and only what it may ask."""

import json
import socket
import subprocess
import sys

import pytest
from starlette.applications import Starlette

from isospike.explore import app
from isospike.explore.guard import MOST

RUN = {"settings": {"coding": "ttfs"}, "input": {"sample": 0}}


def raw(address: str, request: bytes, ends: bool = False) -> bytes:
    """What the server answers to these bytes.  ends: whether the sender says that it sends no more."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(request)
        if ends:
            line.shutdown(socket.SHUT_WR)
        found = b""
        while part := line.recv(1 << 16):
            found += part
    return found


def post(address: str, head: str, body: bytes = b"", ends: bool = False) -> bytes:
    host = address.removeprefix("http://")
    lines = f"POST /api/run HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n{head}\r\n\r\n"
    return raw(address, lines.encode() + body, ends)


def test_files_come_with_their_headers(client) -> None:
    kinds = {
        "/": "text/html",
        "/explore.js": "text/javascript",
        "/echarts.js": "text/javascript",
        "/look.css": "text/css",
        "/api/about": "application/json",
    }
    for path, kind in kinds.items():
        answer = client.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text
    assert "<script>" not in page and "style=" not in page and " on" + "click=" not in page and "http" not in page


def test_about_says_what_applies(client) -> None:
    about = client.get("/api/about").json()
    assert list(about["codings"]) == ["ttfs", "rate", "signed"] and about["drawable"] and about["shape"] == [1, 28, 28]
    assert set(about["codings"]["ttfs"]["reasons"]) == {"steps"}
    assert set(about["codings"]["rate"]["reasons"]) == {"jitter", "ticks", "margin"}
    assert about["codings"]["ttfs"]["usual"] == {"margin": 0.5} and about["codings"]["rate"]["usual"] == {"steps": 64}
    assert "pJ" in about["prices"]


def test_samples_come_page_by_page(client, data) -> None:
    import base64

    found = client.get("/api/samples?from=24").json()["samples"]
    assert [one["number"] for one in found] == list(range(24, 48))
    assert [one["label"] for one in found] == [str(int(label)) for label in data.labels[24:48]]
    assert base64.b64decode(found[3]["pixels"]) == data.images[27].numpy().tobytes()
    for wrong in ("-1", "1000", "x", "1e2", "²", "9" * 40):
        assert client.get("/api/samples", params={"from": wrong}).status_code == 400


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", "evil.example:{port}", ""]
)
def test_another_host_is_refused(client, address: str, host: str) -> None:
    name = host.format(port=address.rpartition(":")[2])
    for path in ("/", "/api/about", "/nothing"):
        answer = raw(address, f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403"), answer
    assert client.post("/api/run", json=RUN, headers={"Host": name or "-"}).status_code == 403


def test_two_hosts_are_refused(address: str) -> None:
    host = address.removeprefix("http://")
    answer = raw(
        address, f"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.split()[1] in (b"400", b"403")


def test_names_of_this_machine_are_answered(client, address: str) -> None:
    port = address.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        assert client.get("/api/about", headers={"Host": f"{name}:{port}"}).status_code == 200


def test_another_page_is_refused(client, address: str) -> None:
    for origin in (
        "http://evil.example",
        "null",
        "https://127.0.0.1",
        address.replace("http", "https"),
        "http://127.0.0.1:1",
    ):
        answer = client.post("/api/run", json=RUN, headers={"Origin": origin})
        assert answer.status_code == 403 and answer.json()["what"] == "the request comes from another page."
    assert client.post("/api/run", json=RUN, headers={"Origin": address}).status_code == 200


def test_a_form_is_refused(client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert client.post("/api/run", content=json.dumps(RUN), headers={"Content-Type": kind}).status_code == 415


def test_other_paths_are_not_there(client, address: str) -> None:
    host = address.removeprefix("http://")
    for path in (
        "/nothing",
        "/../pyproject.toml",
        "/static/explore.js",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "//explore.js",
        "/explore.js/",
        "/explore.js%00",
        "/api/../explore.js",
    ):
        answer = raw(address, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.split()[1] in (b"404", b"400"), (path, answer)
        assert b"Starlette" not in answer
    for method in ("PUT", "DELETE", "PATCH"):
        assert client.request(method, "/api/run", json=RUN).status_code == 405
    assert client.get("/api/run").status_code == 405


def test_a_large_request_is_refused(client, address: str) -> None:
    large = b'{"x": "' + b"a" * (MOST + 1) + b'"}'
    headers = {"Content-Type": "application/json"}
    assert client.post("/api/run", content=large, headers=headers).status_code == 413
    parts = (large[at : at + 65536] for at in range(0, len(large), 65536))
    assert client.post("/api/run", content=parts, headers=headers).status_code == 413  # chunked
    assert post(address, "Content-Length: 99999999999999999999999999").split()[1] in (b"413", b"400")
    assert post(address, f"Content-Length: {MOST + 1}", b"{}").split()[1] == b"413"


def test_a_length_that_lies_does_no_harm(client, address: str) -> None:
    text = json.dumps(RUN).encode()
    assert post(address, f"Content-Length: {len(text)}", text).startswith(b"HTTP/1.1 200")
    for head, body in (
        ("Content-Length: 5", text),
        ("Content-Length: -1", text),
        ("Content-Length: x", text),
        ("Transfer-Encoding: chunked", b"zz\r\n"),
    ):
        assert post(address, head, body).split()[1:2] in ([b"400"], [b"408"])
    assert post(address, f"Content-Length: {len(text) + 10}", text, ends=True).split()[1:2] in ([], [b"400"], [b"408"])
    assert client.get("/api/about").status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '"x"',
        "null",
        '{"settings": NaN}',
        '{"a": 1e999}',
        "[" * 100_000,
        '{"settings": {"coding": "ttfs", "jitter": Infinity}}',
        "\xff",
        '{"settings": ' + "9" * 5000 + "}",
    ],
    ids=range(12),
)
def test_what_is_no_request_is_refused(client, text: str) -> None:
    answer = client.post("/api/run", content=text.encode("latin-1"), headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and set(answer.json()) == {"kind", "what", "supported", "remedy"}
    assert "Traceback" not in answer.text


SETTINGS = [
    None, [], "ttfs", {}, {"coding": 3}, {"coding": "nothing"}, {"coding": "__class__"}, {"coding": "ttfs", "unknown": 1}, {"coding": "ttfs", "jitter": -1},
    {"coding": "ttfs", "jitter": 2}, {"coding": "ttfs", "jitter": "0.1"}, {"coding": "ttfs", "jitter": True}, {"coding": "ttfs", "jitter": None},
    {"coding": "ttfs", "ticks": 3}, {"coding": "ttfs", "ticks": 257}, {"coding": "ttfs", "ticks": 8.5}, {"coding": "ttfs", "bits": 1}, {"coding": "ttfs", "bits": 9},
    {"coding": "ttfs", "margin": -2}, {"coding": "ttfs", "margin": 1e300}, {"coding": "ttfs", "steps": 8}, {"coding": "rate", "jitter": 0.1}, {"coding": "rate", "ticks": 8},
    {"coding": "rate", "margin": 0.1}, {"coding": "rate", "steps": 0}, {"coding": "rate", "steps": 10**30}, {"coding": "rate", "steps": 2.0},
]  # fmt: skip
INPUTS = [
    None, {}, 3, {"sample": -1}, {"sample": 1000}, {"sample": "0"}, {"sample": 0.0}, {"sample": True}, {"sample": 10**40}, {"sample": 0, "drawn": []}, {"drawn": None},
    {"drawn": []}, {"drawn": [0.0] * 783}, {"drawn": [0.0] * 785}, {"drawn": [[0.0] * 28] * 28}, {"drawn": [0.0] * 783 + [1.5]}, {"drawn": [0.0] * 783 + [-0.1]},
    {"drawn": [0.0] * 783 + ["0"]}, {"drawn": [0.0] * 783 + [None]}, {"drawn": [False] * 784}, {"other": 1},
]  # fmt: skip
NEURONS = [
    ("0", None), ("0", []), ("0", [0, 0]), ("0", [0, 0, 28]), ("0", [6, 0, 0]), ("0", [-1, 0, 0]), ("0", [0.0, 0, 0]), ("0", [True, 0, 0]), ("0", "0,0,0"), ("0", [10**30, 0, 0]),
    ("nothing", [0]), (None, [0]), (3, [0]), ("", [0]), ("../x", [0]), ("__class__", [0]), ("input", [0, 28, 0]),
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_settings_that_are_not_offered_are_refused(client, settings: object) -> None:
    refused(client, "/api/run", RUN | {"settings": settings})


@pytest.mark.parametrize("given", INPUTS, ids=range(len(INPUTS)))
def test_inputs_that_are_none_are_refused(client, given: object) -> None:
    refused(client, "/api/run", RUN | {"input": given})


@pytest.mark.parametrize(("stage", "place"), NEURONS, ids=str)
def test_neurons_that_are_not_there_are_refused(client, stage: object, place: object) -> None:
    refused(client, "/api/neuron", RUN | {"stage": stage, "neuron": place})


def refused(client, path: str, given: dict) -> None:
    answer = client.post(path, json=given)
    assert answer.status_code == 400, answer.text
    lines = answer.json()
    assert lines["what"] and lines["supported"] and lines["remedy"] and "Traceback" not in answer.text


def test_the_application_is_made_for_its_port(subject) -> None:
    assert isinstance(app(subject, 1234), Starlette)


def test_the_command_serves(tmp_path) -> None:
    import httpx

    command = [
        sys.executable,
        "-m",
        "isospike",
        "explore",
        "isospike.zoo:lenet5",
        "--data",
        "mnist-sample",
        "--samples",
        "64",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "serving" in line)
            address = said.split()[1]
            assert address.startswith("http://127.0.0.1:")
            assert httpx.post(f"{address}api/run", json=RUN, timeout=60).json()["decision"]["output"] == 7
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lenet.safetensors", "--data", "mnist-sample"], "cannot say what its original computes"),
        (["isospike.zoo:lenet5", "--data", "mnist-sample", "--model", "isospike.zoo:lenet5"], "is a model as well"),
    ],
)
def test_the_command_refuses(arguments: list[str], said: str) -> None:
    from typer.testing import CliRunner

    import isospike_cli
    from isospike.errors import InvalidSetting

    result = CliRunner().invoke(isospike_cli.app("explore"), arguments)
    assert isinstance(result.exception, InvalidSetting) and said in str(result.exception)


def test_a_port_that_is_taken_is_said(subject, address: str) -> None:
    from isospike.errors import InvalidSetting
    from isospike.explore import serve

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InvalidSetting, match="cannot be used"):
            serve(subject, taken.getsockname()[1], print)
