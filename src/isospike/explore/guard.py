"""What keeps others out: requests for another host, from another page, or without an end."""

import asyncio
from typing import TYPE_CHECKING, Any

from isospike.errors import InvalidData, InvalidSetting

if TYPE_CHECKING:
    from starlette.requests import Request

MOST = 1 << 20  # bytes of a request
SECONDS = 10.0  # that a request may take to arrive
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class TooLarge(InvalidData):
    """A request of more bytes than are read."""

    status = 413


class TooSlow(InvalidData):
    """A request that does not arrive, or not all of it."""

    status = 408


class Guard:
    """Middleware: refuses what was not meant for this server, and adds the headers to every answer.

    A page elsewhere can make a browser send requests here under its own name (DNS rebinding): the Host header tells.
    A form elsewhere can post here: its Origin tells.  port: the server's."""

    def __init__(self, app: Any, port: int, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        names = ("127.0.0.1", "localhost", "[::1]")
        self.hosts = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no web sockets

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message["headers"], *self.headers]}
            await send(message)

        given: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            given.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").lower())
        if (refusal := self._refusal(scope["method"], given)) is None:
            await self.app(scope, receive, answer)
        else:
            from starlette.responses import JSONResponse

            error, status = refusal
            lines = {"kind": type(error).__name__, "what": error.what, "supported": error.supported}
            await JSONResponse(lines | {"remedy": error.remedy}, status)(scope, receive, answer)

    def _refusal(self, method: str, given: dict[str, list[str]]) -> tuple[InvalidSetting, int] | None:
        hosts, origins = given.get("host", []), given.get("origin", [])
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            what = "the request is for another host."
            return InvalidSetting(what, f"{', '.join(sorted(self.hosts))}.", "Open the address that was printed."), 403
        if origins and origins != [f"http://{hosts[0]}"]:
            what = "the request comes from another page."
            return InvalidSetting(what, "The page of this server.", "Open the address that was printed."), 403
        if method == "POST" and given.get("content-type", [""])[0].partition(";")[0].strip() != "application/json":
            what = "the request says that it is no JSON."
            return InvalidSetting(what, "Content-Type: application/json.", "Send JSON."), 415
        return None


async def body(request: "Request") -> bytes:
    """All bytes of a request, however it says how long it is.  Raises `TooLarge` and `TooSlow`."""
    from starlette.requests import ClientDisconnect

    too_large = TooLarge("the request is too large.", f"At most {MOST:,} bytes.", "Send one input at a time.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MOST:
        raise too_large
    found = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                found += chunk
                if len(found) > MOST:
                    raise too_large
    except (TimeoutError, ClientDisconnect) as error:
        raise TooSlow("the request did not arrive.", f"All of it in {SECONDS:g} s.", "Send it again.") from error
    return bytes(found)
