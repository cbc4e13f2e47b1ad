"""httpx's own transport, for proxies and HTTP/2, made to behave as ours does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpcore
import httpx

from .backend import Exchange, GuardedBackend, current_exchange
from .errors import EgressRefusedError, Progress, Unwatched
from .exchange import Answer
from .limits import (
    ANSWER_KEPT_BYTES,
    ANSWER_READ_BYTES,
    HEADERS_MOST,
    IDLE_SECONDS,
    UNFRAMED_MOST_BYTES,
)
from .request import build_request, target_of

if TYPE_CHECKING:
    import ssl

    from .dial import Dialer
    from .exchange import Outgoing
    from .proxies import Proxies

__all__ = ["HttpxTransport"]


class _Guarded(httpx.AsyncHTTPTransport):
    """httpx's transport over a network backend of ours, which its constructor does not take."""

    def __init__(
        self, dialer: Dialer, tls: ssl.SSLContext, *, most_idle: int, proxy: httpx.Proxy | None
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            proxy=None if proxy is None else httpcore.Proxy(str(proxy.url), proxy.raw_auth),
            max_connections=None,  # who makes the requests bounds them
            max_keepalive_connections=most_idle,
            keepalive_expiry=IDLE_SECONDS,
            http2=True,
            network_backend=GuardedBackend(dialer),
        )


class HttpxTransport(httpx.AsyncBaseTransport):
    """Sends requests by httpx's own transport: HTTP/1.1 and HTTP/2, through proxies where set.

    Answers, limits, errors and phases are those of ``Transport``, and the same dialer connects.
    Through a proxy the guard sees names and written addresses only; see ``Proxies``.
    """

    def __init__(
        self, dialer: Dialer, tls: ssl.SSLContext, *, most_idle: int, proxies: Proxies | None = None
    ) -> None:
        self._direct = _Guarded(dialer, tls, most_idle=most_idle, proxy=None)
        self._proxies = proxies
        self._proxied: dict[str, _Guarded] = {}
        if proxies is not None:
            for scheme, proxy in proxies.by_scheme.items():
                self._proxied[scheme] = _Guarded(
                    proxies.dialer, tls, most_idle=most_idle, proxy=proxy
                )

    async def exchange(self, request: Outgoing) -> Answer:
        """Make the request; raises what ``Transport`` does, and httpx.ProxyError."""
        extensions = {"progress": request.progress}
        made = build_request(request.method, request.url, request.headers, request.body, extensions)
        response = await self.handle_async_request(made)
        # Raw: what is said of the body's coding is between the destination and who reads it.
        body = b"".join([part async for part in response.aiter_raw()])
        return Answer(response.status_code, response.headers.raw, body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request of httpx's, as ``exchange`` does.

        Sent again, once, where a kept connection was lost before a byte of an answer.
        """
        progress: Progress = request.extensions.get("progress") or Unwatched()
        transport = self._transport_for(request.url)
        exchange = Exchange(progress)
        token = current_exchange.set(exchange)
        try:
            return await _exchange(transport, request)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if exchange.connected or exchange.answering:
                raise
            return await _exchange(transport, request)
        finally:
            current_exchange.reset(token)

    def _transport_for(self, url: httpx.URL) -> _Guarded:
        destination = target_of(url).destination
        proxied = self._proxied.get(destination.scheme)
        if proxied is None or self._proxies is None or self._proxies.bypassed(destination):
            return self._direct
        if (reason := self._proxies.reason_against(destination)) is not None:
            raise EgressRefusedError(reason)
        return proxied

    async def aclose(self) -> None:
        """Close all kept connections."""
        for transport in (self._direct, *self._proxied.values()):
            await transport.aclose()


async def _exchange(transport: _Guarded, request: httpx.Request) -> httpx.Response:
    exchange = current_exchange.get()
    try:
        response = await transport.handle_async_request(request)
        try:
            _check_head(response.headers)
            body = await _begin_of(response)
        finally:
            await response.aclose()
    except httpx.RemoteProtocolError as error:
        if _is_lost(error):
            msg = "the destination closed the connection without an answer"
            if exchange.answering:
                msg = "the connection was lost in the middle of the answer"
            raise httpx.ReadError(msg) from error
        raise
    return httpx.Response(
        response.status_code,
        headers=response.headers.raw,
        stream=httpx.ByteStream(body),
        extensions={"http_version": response.extensions.get("http_version", b"HTTP/1.1")},
    )


def _check_head(headers: httpx.Headers) -> None:
    raw = headers.raw
    if len(raw) > HEADERS_MOST:
        msg = "the answer has too many headers"
        raise httpx.RemoteProtocolError(msg)
    if sum(len(name) + len(value) for name, value in raw) > UNFRAMED_MOST_BYTES:
        msg = "the answer has too large headers or trailers"
        raise httpx.RemoteProtocolError(msg)


async def _begin_of(response: httpx.Response) -> bytes:
    """Read the body up to its limit, and return its beginning."""
    begin = b""
    size = 0
    async for chunk in response.aiter_raw():
        begin += chunk[: max(0, ANSWER_KEPT_BYTES - len(begin))]
        size += len(chunk)
        if size >= ANSWER_READ_BYTES:
            break
    return begin


def _is_lost(error: httpx.RemoteProtocolError) -> bool:
    """Tell a connection that ended from an answer that is broken; httpx has one class for both."""
    text = str(error)
    return text.startswith(("Server disconnected", "peer closed connection", "peer unexpectedly"))
