"""How often the check before writing is wrong, and its cost: `python -m tests.benchmarks.syntax FOLDER…`.

Every file in the folders counts as right. Each is checked as a new file, and as the result of edits that
add one of its lines or one of its definitions; a refusal is wrong. Then it is broken in two ways: without
one of its brackets, and with two brackets too many at the end of a line.
"""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from acp_adapters.syntax.files import Files
from acp_adapters.syntax.languages import language_of, table
from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 300_000
MOST_FILES = 400
"""Of a language."""
EDITS = 3
FILES = Files()
HEAD = "| language | files | refused as new | refused edits | caught | ms a file |\n|---" + 5 * "|---:" + "|"
WANTED = ("function", "method", "class", "struct", "rule", "key", "table")


class Tally:
    """What came of the files of one language."""

    def __init__(self) -> None:
        self.files = self.new = self.edits = self.refused = self.broken = self.caught = 0
        self.seconds = 0.0
        self.wrong: list[Path] = []

    def take(self, path: Path, text: str, chance: random.Random) -> None:
        self.files += 1
        start = time.process_time()
        refused = bool(FILES.check(path, None, text))
        self.seconds += time.process_time() - start
        self.new += refused
        for before in _before(path, text, chance):
            self.edits += 1
            wrong = bool(FILES.check(path, before, text))
            self.refused += wrong
            refused |= wrong
        for after in _broken(text, chance):
            self.broken += 1
            self.caught += bool(FILES.check(path, text, after))
        if refused:
            self.wrong.append(path)


def _before(path: Path, text: str, chance: random.Random) -> Iterator[str]:
    """What the text may have been before an edit."""
    lines = text.split("\n")
    spans = [(at, at + 1) for at in (chance.randrange(len(lines)) for _ in range(EDITS))]
    try:
        symbols = FILES.outline(path, text).symbols
    except ToolError:
        symbols = ()
    wanted = [each for each in symbols if each.kind in WANTED and each.end - each.start < len(text) * 0.9]
    spans += [(each.first - 1, each.last) for each in chance.sample(wanted, min(EDITS, len(wanted)))]
    return ("\n".join(lines[:first] + lines[last:]) for first, last in spans)


def _broken(text: str, chance: random.Random) -> Iterator[str]:
    brackets = [at for at, char in enumerate(text) if char in "()[]{}"]
    if brackets:
        at = chance.choice(brackets)
        yield text[:at] + text[at + 1 :]
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    yield "\n".join([*lines[:at], f"{lines[at]} ) }}", *lines[at + 1 :]])


def corpus(folders: list[str]) -> dict[str, list[tuple[Path, str]]]:
    """The files in the folders by language, each text once, at most MOST_FILES of a language."""
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    known = {extension for name in table().languages for extension in _extensions(name)}
    paths = [path for folder in folders for path in Path(folder).rglob("*") if path.suffix in known]
    random.Random(7).shuffle(paths)
    seen: set[int] = set()
    for path in paths:
        language = language_of(path)
        if language is None or len(found[language.name]) >= MOST_FILES or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").removeprefix("\ufeff")
        if 0 < len(text) < LARGEST and "\ufffd" not in text and hash(text) not in seen:
            seen.add(hash(text))
            found[language.name].append((path, text))
    return found


def _extensions(name: str) -> set[str]:
    import json

    from acp_adapters.syntax import languages

    data = json.loads(Path(languages.__file__).with_name("languages.json").read_text(encoding="utf-8"))
    return set(data["languages"][name]["extensions"])


def main(folders: list[str]) -> None:
    print(HEAD)
    for name, files in sorted(corpus(folders).items()):
        tally, chance = Tally(), random.Random(7)
        for path, text in files:
            tally.take(path, text, chance)
        caught = 100 * tally.caught / max(tally.broken, 1)
        row = f"| {name} | {tally.files} | {tally.new} | {tally.refused} of {tally.edits} | {caught:.0f} % |"
        print(f"{row} {1000 * tally.seconds / max(tally.files, 1):.1f} |", flush=True)
        for path in tally.wrong:
            print(f"    {path}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
