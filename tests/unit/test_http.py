"""The seam to HTTP: real servers, a real proxy, real certificates."""

from __future__ import annotations

import ast
import gzip
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
import trustme

from acp_adapters import http
from acp_adapters.http import Outgoing, close_clients, configure, conversation_client, fetch, sent
from acp_agent.config.schema import Http
from acp_agent.errors import BrokenOff, ConfigError, HttpError, NotAsked, TookTooLong, Unreachable
from tests.support.http_proxy import http_proxy
from tests.support.http_server import Answer, http_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

TOP = Path(__file__).parents[2]
OK = Answer([b"ok"], content_type="text/plain", keeps=True)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
LIMIT_S = 5.0


@pytest.fixture(autouse=True)
async def a_new_process(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[None]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    yield
    configure(Http())
    await close_clients()


class Authority:
    """One that no machine trusts by itself, and a server's certificate from it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.file))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = authority.issue_cert("127.0.0.1", "models.example")
        issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        self.tls.load_cert_chain(folder / "server.pem")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def get(url: str, *, insecure: bool = False) -> Outgoing:
    return Outgoing(url, method="GET", insecure=insecure)


# One module ---------------------------------------------------------------------------------------


def imported(path: Path) -> set[str]:
    """The top packages that a file imports, for types too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [*ast.walk(tree)]
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


async def test_one_module_knows_the_library() -> None:
    files = [path for room in ("acp_agent", "adapters") for path in (TOP / room).rglob("*.py")]
    assert len(files) > 200
    knowing = {path.relative_to(TOP).as_posix() for path in files if "httpx" in imported(path)}
    assert knowing == {"adapters/acp_adapters/http.py"}
    others = {path.parent.relative_to(TOP).as_posix() for path in files if "httpx2" in imported(path)}
    assert others == {"adapters/acp_adapters", "adapters/acp_adapters/mcp"}  # what the MCP client is made of


# Connections --------------------------------------------------------------------------------------


async def test_two_requests_take_one_connection_which_is_closed_at_the_end() -> None:
    async with http_server(OK, OK) as server:
        assert (await fetch(get(server.url), LIMIT_S)).body == b"ok"
        assert (await fetch(get(server.url), LIMIT_S)).ok
        assert server.connections == 1
        await close_clients()
        with anyio.fail_after(LIMIT_S):
            await server.hung_up.wait()


async def test_the_answer_is_given_as_it_comes_with_its_status_and_headers() -> None:
    answer = Answer([b"a", b"b"], "418 No Coffee", "text/tea", headers=("X-Ray: 1",), hangs=True)
    async with http_server(answer) as server, sent(Outgoing(server.url, {"X-A": "b"}, b"{}")) as reply:
        assert (reply.status, reply.ok) == (418, False)
        assert reply.headers["x-ray"] == "1"
        with anyio.fail_after(LIMIT_S):
            assert await anext(reply.pieces) == b"a"
        assert await reply.read(100, 0.05) == b"b"
        assert server.requests[0].headers["x-a"] == "b"


async def test_what_is_packed_is_unpacked() -> None:
    packed = gzip.compress(b"much" * 1000)
    async with http_server(Answer([packed], headers=("Content-Encoding: gzip",))) as server:
        assert (await fetch(get(server.url), LIMIT_S)).body == b"much" * 1000


async def test_a_request_does_not_show_what_it_holds() -> None:
    outgoing = Outgoing("https://me:secret@h.example/p?key=secret", {"Authorization": "secret"}, b"secret")
    assert repr(outgoing) == "Outgoing(POST h.example/p)"


# What goes wrong ----------------------------------------------------------------------------------


async def test_nobody_there() -> None:
    async with http_server() as server:
        url = server.url
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        await fetch(get(url), LIMIT_S)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer([b"x"], breaks=True), BrokenOff, "broke"),
        (Answer([b"x"], hangs=True), TookTooLong, "0.2 s"),
        (Answer([b"x" * 2000], headers=[f"X-{n}: {'y' * 1000}" for n in range(300)]), BrokenOff, "broke"),
        (Answer([b"no gzip"], headers=["Content-Encoding: gzip"]), BrokenOff, "broke"),
        (Answer([b"x"], "no status at all"), BrokenOff, "broke"),
    ],
    ids=["cut", "silent", "flood", "garbled", "no-http"],
)
async def test_what_is_no_answer(answer: Answer, error: type[HttpError], says: str) -> None:
    async with http_server(answer) as server:
        with pytest.raises(error, match=says), anyio.fail_after(LIMIT_S):
            await fetch(get(server.url), 0.2 if error is TookTooLong else LIMIT_S)


async def test_an_answer_too_large_to_be_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FETCHED_BYTES", 100)
    async with http_server(Answer([b"x" * 50] * 3)) as server:
        with pytest.raises(BrokenOff, match="more than"):
            await fetch(get(server.url), LIMIT_S)


async def test_one_that_does_not_begin_to_answer() -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with pytest.raises(TookTooLong, match=r"did not answer within 0\.05 s"):
            async with sent(Outgoing(f"http://127.0.0.1:{port}", begin_s=0.05)):
                pass


# Unencrypted --------------------------------------------------------------------------------------

ELSEWHERE = [
    "http://models.example/v1",
    "http://192.168.0.7/v1",
    "http://127.0.0.1@models.example/v1",
    "http://models.example:80/v1?127.0.0.1",
    "http://models.example#@127.0.0.1/",
    "HTTP://MODELS.EXAMPLE/v1",
    "http://localhost.models.example/v1",
]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_nothing_goes_unencrypted_to_another_machine(url: str) -> None:
    async with http_proxy() as proxy:
        configure(Http(proxy=proxy.url))
        with pytest.raises(NotAsked, match="allow_insecure"):
            await fetch(get(url), LIMIT_S)
        assert proxy.asked == []


async def test_an_address_is_judged_as_the_library_reads_it() -> None:
    """To it this one is on this machine, where nobody answers; others read it otherwise."""
    async with http_proxy() as proxy:
        configure(Http(proxy=proxy.url))
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 "):
            await fetch(get("http://models.example\\@127.0.0.1:9/"), LIMIT_S)
        assert proxy.asked == []


async def test_unless_the_settings_allow_it() -> None:
    async with http_server(OK) as server, http_proxy(models_example=server.port) as proxy:
        configure(Http(proxy=proxy.url))
        assert (await fetch(get("http://models.example/v1", insecure=True), LIMIT_S)).body == b"ok"
        assert proxy.asked == ["GET http://models.example/v1 HTTP/1.1"]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_no_redirection_leads_anywhere(status: str) -> None:
    async with http_server() as other:
        answer = Answer([], status, headers=(f"Location: {other.url}/stolen",))
        async with http_server(answer) as server:
            found = await fetch(Outgoing(server.url, {"Authorization": "secret"}), LIMIT_S)
        assert found.status == int(status[:3])
        assert other.requests == []


@pytest.mark.parametrize("url", ["", "ftp://h.example/", "https://", "http://[::1", "no url"])
async def test_what_is_no_address(url: str) -> None:
    with pytest.raises(NotAsked):
        await fetch(get(url), LIMIT_S)


async def test_headers_that_cannot_be_sent() -> None:
    async with http_server() as server:
        for value in ("a\nb", "é\u2028"):
            with pytest.raises(NotAsked, match="headers"):
                await fetch(Outgoing(server.url, {"X-A": value}), LIMIT_S)


# Certificates -------------------------------------------------------------------------------------


async def test_an_unknown_authority_is_not_trusted(authority: Authority) -> None:
    async with http_server(OK, tls=authority.tls) as server:
        with pytest.raises(Unreachable, match="ca_file"):
            await fetch(get(server.url), LIMIT_S)


async def test_the_settings_add_one_to_those_that_are(authority: Authority) -> None:
    configure(Http(ca_file=str(authority.file)))
    async with http_server(OK, OK, tls=authority.tls) as server:
        assert (await fetch(get(server.url), LIMIT_S)).body == b"ok"
        (client,) = http._clients  # pyright: ignore[reportPrivateUsage]
        assert client.encrypted
        async with conversation_client(server.url, {}) as conversation:
            assert (await conversation.get(server.url)).status_code == 200


async def test_the_usual_ones_stay(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of SSL_CERT_FILE are the usual ones then: the authority of the settings comes on top."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    configure(Http(ca_file=str(authority.file)))
    for known in (authority, other):
        async with http_server(OK, tls=known.tls) as server:
            assert (await fetch(get(server.url), LIMIT_S)).ok


@pytest.mark.parametrize("where", ["SSL_CERT_FILE", "http.ca_file"])
async def test_certificates_that_cannot_be_read(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pem").write_text("no certificate", encoding="utf-8")
    if where == "SSL_CERT_FILE":
        monkeypatch.setenv(where, str(tmp_path / "pem"))
    else:
        configure(Http(ca_file=str(tmp_path / "pem")))
    with pytest.raises(NotAsked, match=f"{where} names .*/pem"):
        await fetch(get("https://models.example/"), LIMIT_S)


async def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"http\.ca_file names .*none.* No such file"):
        configure(Http(ca_file=str(tmp_path / "none")))


async def test_certificates_in_the_home_folder(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(authority.file.parent))
    configure(Http(ca_file="~/ca.pem"))
    async with http_server(OK, tls=authority.tls) as server:
        assert (await fetch(get(server.url), LIMIT_S)).ok


# Proxies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["settings", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_other_machines_are_asked_through_the_proxy(
    by: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        http_server(OK, OK, tls=authority.tls) as server,
        http_proxy(models_example=server.port) as proxy,
    ):
        settings = Http(ca_file=str(authority.file))
        if by != "settings":
            monkeypatch.setenv(by, proxy.url)
            configure(settings)
        else:
            monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # the settings count more
            configure(settings._replace(proxy=proxy.url))
        for _ in range(2):
            assert (await fetch(get("https://models.example/v1"), LIMIT_S)).body == b"ok"
        assert proxy.asked == ["CONNECT models.example:443 HTTP/1.1"]
        assert server.connections == 1


async def test_conversations_go_through_it_too(authority: Authority) -> None:
    async with http_server(OK, tls=authority.tls) as server, http_proxy(models_example=server.port) as proxy:
        configure(Http(proxy.url, str(authority.file)))
        async with conversation_client("https://models.example/mcp", {}) as client:
            assert (await client.get("https://models.example/mcp")).status_code == 200
        assert proxy.asked == ["CONNECT models.example:443 HTTP/1.1"]


async def test_this_machine_is_never_asked_through_it() -> None:
    async with http_server(OK) as server, http_proxy() as proxy:
        configure(Http(proxy=proxy.url))
        assert (await fetch(get(server.url), LIMIT_S)).ok
        assert proxy.asked == []


@pytest.mark.parametrize(
    ("excepted", "host", "through"),
    [
        ("models.example", "models.example", False),
        (".example", "models.example", False),
        ("*.example", "models.example", False),
        ("other.example, EXAMPLE", "models.example", False),
        ("*", "models.example", False),
        ("models.example:443", "models.example", False),
        ("models.example:8443", "models.example", True),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("odels.example", "models.example", True),
        ("", "models.example", True),
    ],
)
async def test_what_is_excepted(
    excepted: str, host: str, through: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", excepted)
    configure(Http(proxy="http://127.0.0.1:9"))
    way = http._way("https", host, 443)  # pyright: ignore[reportPrivateUsage]
    assert (way.proxy is not None) is through


@pytest.mark.parametrize("proxy", ["proxy", "ftp://proxy:1", "http://", "http://h:99999", "http://[::1"])
async def test_a_proxy_that_is_none(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if proxy != "proxy":  # which is a host's name
        with pytest.raises(ConfigError, match=r"http\.proxy is not a proxy's address"):
            configure(Http(proxy=proxy))
        monkeypatch.setenv("ALL_PROXY", proxy)
        with pytest.raises(NotAsked, match=r"\$ALL_PROXY is not a proxy's address"):
            await fetch(get("https://models.example/"), LIMIT_S)


async def test_a_kind_of_proxy_that_the_library_cannot_use() -> None:
    configure(Http(proxy="socks5://me:secret@127.0.0.1:9"))
    with pytest.raises(NotAsked, match=r"http\.proxy cannot be used") as caught:
        await fetch(get("https://models.example/"), LIMIT_S)
    assert "secret" not in str(caught.value)


async def test_a_proxy_that_refuses() -> None:
    async with http_proxy("407 Proxy Authentication Required") as proxy:
        configure(Http(proxy=proxy.url.replace("//", "//me:secret@")))
        with pytest.raises(Unreachable, match=r"through the proxy of http\.proxy: 407") as caught:
            await fetch(get("https://models.example/"), LIMIT_S)
        assert "secret" not in str(caught.value)
        assert "Proxy-Authorization: Basic" in proxy.heads[0]


async def test_the_module_is_light() -> None:
    """Closing and configuring load no library: a session that asks nobody does not pay for one."""
    code = (
        "import sys, asyncio; from acp_adapters.http import *; from acp_agent.config.schema import Http;"
        "configure(Http(proxy='http://h:1')); asyncio.run(close_clients());"
        "assert not {'httpx', 'httpcore', 'httpx2'} & set(sys.modules)"
    )
    with anyio.fail_after(30):
        await anyio.run_process([sys.executable, "-c", code])
