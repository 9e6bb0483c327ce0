"""The server of the page: a fixed table of names, answered to this machine only."""

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from isospike.errors import InvalidData, InvalidSetting, IsospikeError
from isospike.explore.answers import Answers
from isospike.explore.guard import HEADERS, Guard, TooLarge, TooSlow, body
from isospike.explore.subject import Subject
from isospike.web import static

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

FOLDER = Path(__file__).parent / "static"
HOST = "127.0.0.1"
SCRIPT, STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
MODULES = ("explore", "dom", "input", "lane", "wave", "mosaic", "neuron")
OWN = {
    "/": ("explore.html", "text/html; charset=utf-8"),
    "/explore.css": ("explore.css", STYLE),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"/{name}.js": (f"{name}.js", SCRIPT) for name in MODULES},
}
SHARED = {"/echarts.js": SCRIPT, "/chart.js": SCRIPT, "/look.css": STYLE}
MISSING = IsospikeError(
    "the page needs Starlette and uvicorn, which are not installed.", remedy="Run: pip install 'isospike[explore]'"
)


def app(subject: Subject, port: int) -> "Starlette":
    """The application that answers at this port.  Raises `IsospikeError` without Starlette."""
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.middleware import Middleware
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        raise MISSING from error

    answers, turn = Answers(subject), Lock()

    def told(value: Any, status: int = 200) -> Response:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
        return Response(text, status, media_type="application/json")

    def refused(error: IsospikeError, status: int = 400) -> Response:
        lines = {"kind": type(error).__name__, "what": error.what, "supported": error.supported}
        return told(lines | {"remedy": error.remedy}, status)

    def answer(make: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> Response:
        try:
            with turn:  # one network runs at a time: the machine's cores are shared
                return told(make(given))
        except IsospikeError as error:
            return refused(error)

    async def posted(make: Callable[[dict[str, Any]], Any], request: "Request") -> Response:
        try:
            given = _object(await body(request))
        except (TooLarge, TooSlow) as error:
            return refused(error, error.status)
        except IsospikeError as error:
            return refused(error)
        return await run_in_threadpool(answer, make, given)

    def asked(make: Callable[[dict[str, Any]], Any], request: "Request") -> Response:
        return answer(make, dict(request.query_params))

    def file(text: str, kind: str, _: "Request") -> Response:
        return Response(text, media_type=kind)

    files = {path: (_text(name), kind) for path, (name, kind) in OWN.items()}
    files |= {path: (static(path[1:]), kind) for path, kind in SHARED.items()}
    routes = [Route(path, partial(file, text, kind)) for path, (text, kind) in files.items()]
    routes += [Route("/api/about", partial(asked, answers.about))]
    routes += [Route("/api/samples", partial(asked, answers.samples))]
    routes += [Route("/api/run", partial(posted, answers.run), methods=["POST"])]
    routes += [Route("/api/neuron", partial(posted, answers.neuron), methods=["POST"])]
    made = Starlette(routes=routes, middleware=[Middleware(Guard, port=port, headers=HEADERS)])
    made.router.redirect_slashes = False  # no other name leads to one of the table
    return made


def serve(subject: Subject, port: int, ready: Callable[[str], None]) -> None:
    """Answer until interrupted.  port: 0 for any that is free.  `ready(address)` is called once the port is taken.
    Raises `InvalidSetting` for a port that is not free."""
    try:
        import uvicorn
    except ImportError as error:
        raise MISSING from error
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        if os.name == "posix":  # elsewhere this would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            what = f"port {port} cannot be used: {error.strerror}."
            raise InvalidSetting(what, "A free port above 1023.", "Take any that is free: --port 0.") from error
        taken = listening.getsockname()[1]
        config = uvicorn.Config(app(subject, taken), log_level="warning", server_header=False, timeout_keep_alive=30)
        ready(f"http://{HOST}:{taken}/")
        with suppress(KeyboardInterrupt):  # the usual end
            uvicorn.Server(config).run(sockets=[listening])


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _object(raw: bytes) -> dict[str, Any]:
    """A JSON object.  Raises `InvalidData` for anything else, NaN and infinities included."""

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidData(
            "the request is no JSON.", "A JSON object in UTF-8, of finite numbers.", "Reload the page."
        ) from error
    if not isinstance(value, dict):
        what = f"the request is a JSON {type(value).__name__}."
        raise InvalidData(what, "A JSON object.", "Reload the page.")
    return value
