"""What the arguments of `acp-agent connect` say."""

from __future__ import annotations

import argparse

import pytest

from acp_agent.cli.connect import Wanted, add_arguments, wanted

PLAIN = [
    ["host:1"],
    ["host:1", "--shared-files"],
    ["--shared-files", "host:1"],
    ["--token-file", "t", "host:1"],
    ["--ca", "c", "--token-file", "t", "--shared-files", "host:1"],
]
NOT_SO_PLAIN = [
    [],
    ["-h"],
    ["host:1", "--token-file", "t"],
    ["--token-file=t", "host:1"],
    ["host:1", "host:2"],
    ["--token-file", "host:1"],
    ["--other", "host:1"],
]


@pytest.mark.parametrize("arguments", PLAIN)
def test_they_say_what_argparse_says(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert wanted(arguments) == Wanted(**vars(parser.parse_args(arguments)))


@pytest.mark.parametrize("arguments", NOT_SO_PLAIN)
def test_or_leave_it_to_argparse(arguments: list[str]) -> None:
    assert wanted(arguments) is None
