"""HTTP: the one module that makes clients, and the only one that knows the library for it.

The library is imported with the first request, so that a session that makes none does not pay for it.
"""

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.config.values import is_loopback, is_proxy
from acp_agent.errors import BrokenOff, ConfigError, HttpError, NotAsked, TookTooLong, Unreachable

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    import httpx
    import httpx2

    from acp_agent.config.schema import Http

CONNECT_LIMIT_S = 10.0
CLOSE_LIMIT_S = 1.0
IDLE_CONNECTIONS = 20
KEEP_ALIVE_S = 120.0
SILENCE_S = 60.0
"""How long an answer may pause, where nobody says."""
FETCHED_BYTES = 16 << 20
"""The largest answer that is read as a whole."""

for _name in ("httpx", "httpcore", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log every request otherwise


class Outgoing(NamedTuple):
    """A request. Its headers and content are not in its repr."""

    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    content: bytes = b""
    method: str = "POST"
    begin_s: float = SILENCE_S
    """Until the answer begins."""
    silence_s: float = SILENCE_S
    """Between two pieces of it."""
    insecure: bool = False
    """It may go to another machine unencrypted: somebody has set `allow_insecure`."""

    def __repr__(self) -> str:
        return f"Outgoing({self.method} {self.url.partition('?')[0].rpartition('@')[2]})"


class Reply:
    """The answer to a request, for as long as the block of `sent` lasts."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.pieces: AsyncIterator[bytes] = response.aiter_bytes()
        """What it says, as it comes, unpacked. Can be read once."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    async def read(self, most: int, limit_s: float) -> bytes:
        """The rest of what it says, or as much of it as came: at most about so many bytes, for so long."""
        import httpx

        found = bytearray()
        try:
            with anyio.move_on_after(limit_s):
                async for piece in self.pieces:
                    found += piece
                    if len(found) >= most:
                        break
        except httpx.HTTPError:
            pass  # what has come is more than nothing
        return bytes(found[:most])


class Fetched(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class _Way(NamedTuple):
    """What tells the clients of a process apart."""

    encrypted: bool
    proxy: str | None
    ca_file: str | None


_clients: dict[_Way, httpx.AsyncClient] = {}
_reach: list[Http] = []
"""What `configure` was told last."""


def configure(http: Http) -> None:
    """Sets the proxy and the certificates for all requests from now on.

    Raises ConfigError naming the setting that will not do.
    """
    try:
        if http.proxy is not None:
            _require_proxy(http.proxy, "http.proxy")
        if path := _ca_file(http):
            with open(path, "rb"):
                pass
    except NotAsked as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(
            f"http.ca_file names {http.ca_file}, which cannot be read: {error.strerror}."
        ) from None
    _reach[:] = [http]


async def close_clients() -> None:
    """Closes every connection, at the end of the process or of an event loop."""
    while _clients:
        await _clients.popitem()[1].aclose()


@asynccontextmanager
async def sent(outgoing: Outgoing) -> AsyncGenerator[Reply]:
    """Sends a request; the block has the answer, whatever its status. Redirections are not followed.

    Raises HttpError, also within the block where its pieces are read.
    """
    import httpx

    client, request = _prepared(outgoing)
    where = _where(request.url)
    try:
        try:
            with anyio.fail_after(outgoing.begin_s):
                response = await client.send(request, stream=True)
        except TimeoutError:
            raise TookTooLong(f"{where} did not answer within {outgoing.begin_s:g} s") from None
        try:
            yield Reply(response)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LIMIT_S):
                await response.aclose()
    except httpx.HTTPError as error:
        raise _translated(error, where, outgoing) from error


async def fetch(outgoing: Outgoing, limit_s: float) -> Fetched:
    """A whole answer, whatever its status, within so many seconds. Raises HttpError."""
    try:
        with anyio.fail_after(limit_s):
            async with sent(outgoing._replace(begin_s=limit_s, silence_s=limit_s)) as reply:
                body = bytearray()
                async for piece in reply.pieces:
                    body += piece
                    if len(body) > FETCHED_BYTES:
                        raise BrokenOff(f"{outgoing!r} was answered with more than {FETCHED_BYTES >> 20} MiB")
                return Fetched(reply.status, reply.headers, bytes(body))
    except TimeoutError:
        raise TookTooLong(f"{outgoing!r} was not answered within {limit_s:g} s") from None


def conversation_client(url: str, headers: Mapping[str, str]) -> httpx2.AsyncClient:
    """A client of its own for a long conversation with `url`, to be closed by whoever has it.

    It is of the library that the MCP client is made for. Answers may take for ever: who waits
    for one says how long. Raises NotAsked.
    """
    import httpx2

    target = httpx2.URL(url)
    way = _way(target.scheme, target.host, target.port)
    return httpx2.AsyncClient(
        headers=dict(headers),
        verify=_certificates(httpx2.create_ssl_context, way.ca_file) if way.encrypted else False,
        proxy=way.proxy,
        timeout=httpx2.Timeout(CONNECT_LIMIT_S, read=None),
        follow_redirects=False,
        trust_env=False,
    )


# Which client ---------------------------------------------------------------------------------------


def _prepared(outgoing: Outgoing) -> tuple[httpx.AsyncClient, httpx.Request]:
    """Decides by the address as the library reads it, so that it cannot mean another. Raises NotAsked."""
    import httpx

    try:
        target = httpx.URL(outgoing.url)
        if target.scheme not in ("http", "https") or not target.host:
            raise NotAsked("The address is not an http or https URL. Check base_url.")
        if target.scheme == "http" and not outgoing.insecure and not is_loopback(target.host):
            raise NotAsked(
                f"Keys and code would go unencrypted to {target.host}. Use https://, or set allow_insecure "
                "in the provider's settings if that network is yours."
            )
        client = _client(_way(target.scheme, target.host, target.port))
        request = client.build_request(
            outgoing.method,
            target,
            content=outgoing.content or None,
            headers=outgoing.headers,
            timeout=httpx.Timeout(None, connect=CONNECT_LIMIT_S, read=outgoing.silence_s),
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise NotAsked(f"The request cannot be written: {error}. Check base_url and headers.") from error
    return client, request


def _client(way: _Way) -> httpx.AsyncClient:
    """The process's client for a way. Its connections are kept and shared."""
    if way not in _clients:
        import httpx

        # Plain http needs no certificates, and reading them takes a while.
        secured = (way.proxy or "").startswith("https:")
        verify = _certificates(httpx.create_ssl_context, way.ca_file) if way.encrypted or secured else False
        try:
            proxy = None
            if way.proxy:
                proxy = httpx.Proxy(way.proxy, ssl_context=verify or None if secured else None)
            _clients[way] = httpx.AsyncClient(
                verify=verify,
                proxy=proxy,
                timeout=httpx.Timeout(CONNECT_LIMIT_S),
                limits=httpx.Limits(
                    max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S
                ),
                follow_redirects=False,
                trust_env=False,  # what it says is in the way
            )
        except (ImportError, ValueError) as error:
            raise NotAsked(f"The proxy of {_proxy_source()} cannot be used: {error}") from error
    return _clients[way]


def _way(scheme: str, host: str, port: int | None) -> _Way:
    """How a host is reached: one on this machine never through a proxy. Raises NotAsked."""
    proxy = None if is_loopback(host) else _proxy(scheme, host, port or (443 if scheme == "https" else 80))
    return _Way(scheme == "https", proxy, _ca_file(_reach[0]) if _reach else None)


def _proxy(scheme: str, host: str, port: int) -> str | None:
    """The proxy of the settings, else of the environment; NO_PROXY holds for either. Raises NotAsked."""
    from urllib.request import getproxies

    found = getproxies()
    if any(_excepts(entry.strip().lower(), host, port) for entry in found.get("no", "").split(",")):
        return None
    if _reach and _reach[0].proxy is not None:
        return _require_proxy(_reach[0].proxy, "http.proxy")
    name = scheme if found.get(scheme) else "all"
    return _require_proxy(found[name], f"${name.upper()}_PROXY") if found.get(name) else None


def _excepts(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY means that host: a domain with all below it, a network, or `*`."""
    from ipaddress import ip_address, ip_network

    name, _, digits = entry.rpartition(":")
    if name and digits.isdigit() and ":" not in name:
        if int(digits) != port:
            return False
        entry = name
    try:
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        domain = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or (bool(domain) and (host == domain or host.endswith(f".{domain}")))


def _proxy_source() -> str:
    return "http.proxy" if _reach and _reach[0].proxy else "the environment (HTTPS_PROXY, ALL_PROXY)"


def _require_proxy(text: str, source: str) -> str:
    """The proxy's URL; it may hold a password, so errors do not repeat it. Raises NotAsked."""
    if not is_proxy(text):
        raise NotAsked(f"{source} is not a proxy's address. Write one such as http://proxy.example:3128.")
    return text if "://" in text else f"http://{text}"


def _ca_file(http: Http) -> str | None:
    from acp_agent.config.paths import home_dir, user_path

    return str(user_path(http.ca_file, home_dir(os.environ), os.environ)) if http.ca_file else None


def _certificates(create: Callable[[], ssl.SSLContext], ca_file: str | None) -> ssl.SSLContext:
    """The usual certificates, those of SSL_CERT_FILE or SSL_CERT_DIR in their place, and `ca_file` too.

    Raises NotAsked naming what cannot be read.
    """
    source = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
    try:
        context = create()
        source = "http.ca_file"
        if ca_file:
            context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        named = ca_file if source == "http.ca_file" else os.environ.get(source)
        raise NotAsked(
            f"{source} names {named}, from which no certificates can be read: {error.strerror or error}."
        ) from error
    return context


# What went wrong --------------------------------------------------------------------------------------


def _where(url: httpx.URL) -> str:
    return f"{url.host}:{url.port}" if url.port else url.host


def _translated(error: httpx.HTTPError, where: str, outgoing: Outgoing) -> HttpError:
    import httpx

    said = str(error) or type(error).__name__
    if isinstance(error, httpx.ReadTimeout):
        return TookTooLong(f"{where} kept silent for {outgoing.silence_s:g} s")
    if isinstance(error, httpx.ProxyError):
        return Unreachable(f"{where} cannot be reached through the proxy of {_proxy_source()}: {said}")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        if "CERTIFICATE_VERIFY_FAILED" in said:
            said += '. If your network has a certificate authority of its own, set "http": {"ca_file": …}'
        return Unreachable(f"{where} cannot be reached: {said}")
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return NotAsked(f"The request cannot be written: {said}. Check base_url and headers.")
    return BrokenOff(f"the connection to {where} broke: {said}")
