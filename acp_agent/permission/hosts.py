"""Which host a word of a command names, in one spelling, and what is to be said of it.

The spelling is the one in which rules compare hosts: lower case, numbers as a dotted address, other
scripts as punycode. A word that could be read in two ways names no host.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

ANY_HOST = "any host"
"""What a network claim names where the words do not tell the host: settings or the program do."""
ODD_HOST = "a host that cannot be told"
"""What it names where a word should tell the host and could be read in two ways."""

_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*"
)
_NUMBER = re.compile(r"0x[0-9a-f]*|\d+")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_METADATA = frozenset(
    (
        "169.254.169.254",
        "fd00:ec2::254",
        "metadata.google.internal",
        "metadata",
        "100.100.100.200",
        "instance-data",
    )
)


def host_of_url(url: str) -> str | None:
    """The host of a URL, or of what programs take for one (`example.com/x`); None when it cannot be told."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return None
    found = _SCHEME.match(url)
    authority = re.split(r"[/?#]", url[found.end() :] if found else url, maxsplit=1)[0]
    return host_of(authority)


def host_of(text: str) -> str | None:
    """The host in `[user@]host[:port]`."""
    name = text.rpartition("@")[2]
    if name.startswith("["):
        inner, bracket, rest = name[1:].partition("]")
        return _address(inner) if bracket and re.fullmatch(r"(?::\d*)?", rest) and ":" in inner else None
    if name.count(":") > 1:
        return _address(name)
    return _canonical(name.partition(":")[0])


@lru_cache(maxsize=256)
def _canonical(name: str) -> str | None:
    name = unquote(name)
    if not name.isascii():
        name = _punycode(name)
    name = name.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        return None
    return _numeric(name) if _NUMBER.fullmatch(name.rpartition(".")[2]) else name


def _punycode(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _numeric(name: str) -> str | None:
    """The dotted address that C libraries read in 0x7f.1 or 2130706433."""
    parts = name.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_value(part) for part in parts]
    except ValueError:
        return None
    last_bytes = 5 - len(numbers)
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256**last_bytes:
        return None
    octets = [*numbers[:-1], *numbers[-1].to_bytes(last_bytes, "big")]
    return ".".join(map(str, octets))


def _value(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") and len(part) > 1 else 10)


def _address(text: str) -> str | None:
    from ipaddress import IPv6Address

    try:
        found = IPv6Address(text.partition("%")[0])
    except ValueError:
        return None
    inner = found.ipv4_mapped or found.sixtofour
    if inner is None and text.lower().startswith("64:ff9b::"):
        return _numeric(str(int(found) & 0xFFFFFFFF))
    return str(inner or found)


@lru_cache(maxsize=256)
def about(host: str) -> str:
    """What a person should know of a host in the spelling of `host_of`; empty when there is nothing."""
    if host in _METADATA:
        return "where a cloud tells its machines their credentials"
    if host == "localhost" or host.endswith((".localhost", "localhost.localdomain")):
        return "this machine"
    if host.startswith("xn--") or ".xn--" in host:
        return f"written {_unicode(host)}"
    if host.endswith((".local", ".internal", ".lan", ".home.arpa")):
        return "in the local network"
    if not re.fullmatch(r"[\d.]+|[0-9a-f:]+:[0-9a-f:.]*", host):
        return ""
    from ipaddress import ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if address.is_loopback or address.is_unspecified:
        return "this machine"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast or address.is_reserved:
        return "not an address of one host"
    return "" if address.is_global else "in a private network"


def is_guarded(host: str) -> bool:
    """Whether only a rule about the host itself lets a command reach it, not one about the command."""
    return host in _METADATA or host == ODD_HOST or about(host) == "a link-local address"


def _unicode(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return "in another script"
