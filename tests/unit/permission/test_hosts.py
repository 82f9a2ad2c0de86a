"""Hosts in one spelling, and what is said of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.permission.hosts import about, host_of, host_of_url, is_guarded

SPELLED = [
    ("https://Example.COM./x", "example.com"),
    ("example.com:8080/x?y#z", "example.com"),
    ("http://good.example@evil.example/", "evil.example"),
    ("http://user:pa:ss@host.example:1/", "host.example"),
    ("http://evil.example#@good.example/", "evil.example"),
    ("http://evil.example?@good.example/", "evil.example"),
    ("http://2130706433/", "127.0.0.1"),
    ("http://0x7f.1", "127.0.0.1"),
    ("http://0177.0.0.1/", "127.0.0.1"),
    ("http://127.1", "127.0.0.1"),
    ("http://0xa9fea9fe/", "169.254.169.254"),
    ("http://%31%32%37.0.0.1", "127.0.0.1"),
    ("http://\uff11\uff12\uff17.0.0.1/", "127.0.0.1"),
    ("http://[::1]:8080/", "::1"),
    ("http://[0:0:0:0:0:0:0:1]/", "::1"),
    ("http://[::ffff:127.0.0.1]/", "127.0.0.1"),
    ("http://[64:ff9b::7f00:1]/", "127.0.0.1"),
    ("http://[fe80::1%25eth0]/", "fe80::1"),
    ("http://b\u00fccher.example", "xn--bcher-kva.example"),
    ("http://ex\u0430mple.com", "xn--exmple-4nf.com"),
]
ODD = [
    "",
    "http://",
    "http://evil.example\x00.allowed.com/",
    "http://evil.example%00.allowed.com/",
    "http://evil.example\\.allowed.com/",
    "http://good.example\\@evil.example/",
    "http://evil.example\r\n.allowed.com/",
    "http://a b/",
    "http://a..b/",
    "http://-a/",
    "http://1.2.3.4.5/",
    "http://1.2.3.999/",
    "http://[::1/",
    "http://[nonsense]/",
    "http://exa*ple.com/",
    "http://$HOST/",
    "http://" + "a" * 300,
]
SAID = [
    ("169.254.169.254", "credentials", True),
    ("metadata.google.internal", "credentials", True),
    ("169.254.1.1", "link-local", True),
    ("fe80::1", "link-local", True),
    ("127.0.0.1", "this machine", False),
    ("::1", "this machine", False),
    ("0.0.0.0", "this machine", False),
    ("localhost", "this machine", False),
    ("a.localhost", "this machine", False),
    ("10.0.0.1", "private", False),
    ("192.168.1.1", "private", False),
    ("100.64.0.1", "private", False),
    ("fd00::1", "private", False),
    ("printer.local", "local network", False),
    ("224.0.0.1", "not an address of one host", False),
    ("xn--bcher-kva.example", "b\u00fccher.example", False),
    ("example.com", "", False),
    ("8.8.8.8", "", False),
]


@pytest.mark.parametrize(("url", "host"), SPELLED)
def test_one_spelling(url: str, host: str) -> None:
    assert host_of_url(url) == host


@pytest.mark.parametrize("url", ODD)
def test_what_could_be_read_in_two_ways_names_no_host(url: str) -> None:
    assert host_of_url(url) is None


@pytest.mark.parametrize(("host", "said", "guarded"), SAID)
def test_what_is_said(host: str, said: str, guarded: bool) -> None:
    assert said in about(host)
    assert bool(about(host)) is bool(said)
    assert is_guarded(host) is guarded


@given(st.text(max_size=60))
def test_a_host_has_no_odd_characters_and_keeps_its_spelling(text: str) -> None:
    for found in (host_of_url(text), host_of(text)):
        if found is not None:
            assert found.isascii()
            assert found == found.lower()
            assert not set(found) & set(" @/\\?#\x00%[]*")
            assert host_of(found) == found
            about(found)
