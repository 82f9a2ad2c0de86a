"""The parser of the command line: options are written out, and stand where options stand."""

from __future__ import annotations

import argparse
from typing import Any


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations, nor do the parsers of its commands and of theirs.

    What follows `--` is never an option, and no value that begins with a dash is taken for one's argument
    (write `--cwd=-x` for that).
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "allow_abbrev": False})
