"""What stands between the page and the network: tokens, limits, headers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024
"""Size of a request's body."""

MOST_DISCARDED_BYTES = 4 * 1024 * 1024
"""What is read of a body that is refused: a client that is still sending when the connection closes
sees that it broke, and not why."""

MOST_SECONDS = 20.0
"""Time that a request's body may take."""

PER_RATER = RateLimitItemPerMinute(300)
PER_ADDRESS = RateLimitItemPerMinute(6000)
WRONG_LINKS = RateLimitItemPerMinute(20)
"""Requests a minute: of a rater, of a network address (many raters may share it), and those of an
address with a link that nobody has."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


class TooManyRequestsError(Exception):
    """Somebody asks more often than a person would."""


def new_token() -> str:
    """256 random bits, as text that fits an address."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token, so that the store's readers cannot use it: its SHA-256."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def csrf_token(session: str) -> str:
    """What forms of a session carry: only who knows the session's token can compute it."""
    return hmac.digest(session.encode(errors="surrogateescape"), b"csrf", "sha256").hex()


def is_csrf_token(session: str, given: str) -> bool:
    """Whether a form was made for a session."""
    return secrets.compare_digest(csrf_token(session).encode(), given.encode(errors="replace"))


class RateLimits:
    """Counts of requests in the last minute, in memory."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, limit: RateLimitItemPerMinute, whose: str) -> None:
        """Count a request.

        Raises:
            TooManyRequestsError: there were too many.
        """
        if not self._limiter.hit(limit, whose):
            raise TooManyRequestsError


class Guard:
    """Around the application: refuses strange hosts and large bodies, and sets headers on all.

    A body is read whole, up to the limit, before anything looks into it.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope, receive)
        await answer(scope, receive, _with_headers(send))

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        """What answers a request: the application with the body, or a refusal."""
        try:
            async with asyncio.timeout(MOST_SECONDS):
                body = await _whole_body(receive)
        except TimeoutError:
            return _refusal(408, "The request took too long.")
        except ConnectionError:
            return _refusal(400, "The request broke off.")
        if _host(scope) not in self._hosts:
            return _refusal(421, "This address is not the rating page's.")
        if body is None:
            return _refusal(413, "The request is too large.")
        return _with_body(self._app, body)


def _refusal(status: int, reason: str) -> ASGIApp:
    # The rest of the request may not have been read, so the connection cannot be used again.
    return PlainTextResponse(f"{reason}\n", status, {"Connection": "close"})


def _host(scope: Scope) -> str:
    """Name of the host that was asked for, without the port."""
    host = Headers(scope=scope).get("host", "").lower()
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host


async def _whole_body(receive: Receive) -> bytes | None:
    """Body of a request; None where it is too large.

    Raises:
        ConnectionError: the client has gone before its end.
    """
    kept: list[bytes] = []
    size = 0
    more = True
    while more and size <= MOST_DISCARDED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        part: bytes = message.get("body", b"")
        size += len(part)
        if size <= MOST_BYTES:
            kept.append(part)
        more = message.get("more_body", False)
    return b"".join(kept) if size <= MOST_BYTES else None


def _with_body(app: ASGIApp, body: bytes) -> ASGIApp:
    """The application, which is given a body that has been read."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def next_message() -> Message:
            return messages.pop() if messages else await receive()

        await app(scope, next_message, send)

    return answer


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return send_with_headers
