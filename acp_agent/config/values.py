"""What a schema cannot say of a single value: safe endpoints, header syntax, variables well written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config.problems import Finding
from acp_agent.config.reading import JsonObject, as_object

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from acp_agent.config.checker import Place

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BARE_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^}]*")
_ANY = "*"
PROXIES = ("http", "https", "socks5", "socks5h")
"""Schemes of a proxy's address."""


class Remark(NamedTuple):
    """What is wrong with a value, and what to write."""

    message: str
    hint: str


def findings(data: JsonObject, spoilt: Collection[Place]) -> Iterator[Finding]:
    """What `CHECKS` say against `data`. Values at or around a place that is `spoilt` already are left out."""
    for pattern, check in CHECKS.items():
        for above, holder in _objects(data, pattern[:-1], ()):
            path = (*above, pattern[-1])
            value = holder.get(pattern[-1])
            if value is not None and path not in spoilt:
                remark = check(value, holder)
                if remark is not None:
                    yield Finding(path, *remark)


def _objects(data: JsonObject, pattern: tuple[str, ...], above: Place) -> Iterator[tuple[Place, JsonObject]]:
    """The objects within `data` that a path of keys leads to, where `*` is any key."""
    if not pattern:
        yield above, data
        return
    for key in data if pattern[0] == _ANY else (pattern[0],):
        inner = as_object(data.get(key))
        if inner is not None:
            yield from _objects(inner, pattern[1:], (*above, key))


def _endpoint(value: object, entry: JsonObject) -> Remark | None:
    from urllib.parse import urlsplit

    example = "write a URL such as https://api.example.com/v1"
    try:
        parts = urlsplit(cast("str", value))
        host, _ = parts.hostname, parts.port
    except ValueError:
        return Remark("is not a URL", example)
    if parts.scheme not in ("http", "https") or not host:
        return Remark("is not an http or https URL", example)
    if parts.scheme == "http" and entry.get("allow_insecure") is not True and not is_loopback(host):
        return Remark(
            f"sends keys and code unencrypted to {host}",
            'use https://, or set "allow_insecure": true beside it if that network is yours',
        )
    return None


def _address(value: object, _: JsonObject) -> Remark | None:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(cast("str", value))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return (
        None if usable else Remark("is not an http or https URL", "write one such as https://example.com/mcp")
    )


def without_credentials(url: str) -> str:
    """A user and password, or a query that may hold a key, are left out."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    shown = parts._replace(
        netloc=f"…@{host}" if "@" in parts.netloc else host, query="…" if parts.query else "", fragment=""
    )
    return urlunsplit(shown)


def is_address(url: str) -> bool:
    """Whether what is written there can be taken apart; also when it is empty."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """True for a name or address that is always this machine."""
    if host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost"):
        return True
    from ipaddress import ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or bool(mapped and mapped.is_loopback)


def is_proxy(text: str) -> bool:
    """Whether `text` is the address of a proxy; without a scheme it is one of http."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        return parts.scheme in PROXIES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _proxy(value: object, _: JsonObject) -> Remark | None:
    if is_proxy(cast("str", value)):
        return None
    return Remark("is not a proxy's address", "write one such as http://proxy.example:3128")


def _file(value: object, _: JsonObject) -> Remark | None:
    if cast("str", value).startswith(("/", "~/")) and "\0" not in cast("str", value):
        return None
    return Remark("is not an absolute path", "begin it with / or ~/")


def _key(value: object, _: JsonObject) -> Remark | None:
    if _BARE_VARIABLE.fullmatch(cast("str", value)):
        return Remark("looks like a variable but is not written as one", 'write "${NAME}"')
    return None


def _variable(value: object, _: JsonObject) -> Remark | None:
    if not _VARIABLE_NAME.fullmatch(cast("str", value)):
        return Remark(
            "is not the name of an environment variable",
            'write a name such as "OPENAI_API_KEY"; a key itself goes into api_key',
        )
    return None


def _headers(value: object, _: JsonObject) -> Remark | None:
    for name, text in cast("dict[str, str]", value).items():
        if not _HEADER_NAME.fullmatch(name):
            return Remark("has a name that HTTP does not allow", "use letters, digits and hyphens")
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            return Remark(f"has a control character in the value of {name}", "write the value on one line")
    return None


def _folders(value: object, _: JsonObject) -> Remark | None:
    for folder in cast("list[str]", value):
        if not folder.startswith(("/", "~/")) or "\0" in folder:
            return Remark("has a folder that is not absolute", "begin it with / or ~/")
    return None


CHECKS: Mapping[tuple[str, ...], Callable[[object, JsonObject], Remark | None]] = {
    ("providers", _ANY, "base_url"): _endpoint,
    ("providers", _ANY, "api_key"): _key,
    ("providers", _ANY, "api_key_env"): _variable,
    ("providers", _ANY, "headers"): _headers,
    ("http", "proxy"): _proxy,
    ("http", "ca_file"): _file,
    ("mcp_servers", _ANY, "url"): _address,
    ("mcp_servers", _ANY, "headers"): _headers,
    ("sandbox", "writable"): _folders,
}
"""By key path: what is said against a value that the schema takes, given the object around it."""
