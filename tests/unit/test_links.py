"""Every link between pages leads somewhere, and so does every page that a text of the program names."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for pattern in ("*.md", "docs/*.md", "editor-configs/**/*.md") for path in ROOT.glob(pattern)
)
SOURCES = sorted(path for folder in ("acp_agent", "adapters") for path in (ROOT / folder).rglob("*.py"))
_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_NAMED = re.compile(r"docs/[\w-]+\.md(?:#[\w-]+)?")


def prose(page: Path) -> str:
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub makes them of headings."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return frozenset(found)


def leads_nowhere(link: str, page: Path) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return not target.exists() or bool(anchor and anchor not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page(page: Path) -> None:
    links = [link for link in _LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if leads_nowhere(link, page)] == []


def test_pages_that_the_program_names() -> None:
    named = {name for source in SOURCES for name in _NAMED.findall(source.read_text(encoding="utf-8"))}
    assert len(named) > 5
    assert {name for name in named if leads_nowhere(name, ROOT / "README.md")} == set()


def test_a_link_can_lead_nowhere() -> None:
    page = ROOT / "README.md"
    assert leads_nowhere("docs/nothing.md", page)
    assert leads_nowhere("docs/models.md#nothing", page)
    assert not leads_nowhere("docs/models.md#roles", page)
