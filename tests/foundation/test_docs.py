"""Documentation that can be checked is: links lead somewhere, commands exist, and nothing is said that is not ours to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
names = [str(page.relative_to(ROOT)) for page in PAGES]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if "://" in target or target.startswith(("mailto:", "#")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve()
        assert found.exists(), f"{page.name} links to {target}"
        if anchor and found.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name} links to {target}, whose headings are {sorted(slugs)}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z\-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = get_commands()
    text = page.read_text()
    for target in re.findall(r"(?:`|^|\s)make ([a-z][a-z\-]+)(?=[`\s]|$)", "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))):
        assert target in targets, f"make {target}"
    for command in re.findall(r"manage\.py ([a-z_]+)", text):
        assert command in commands, f"manage.py {command}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_pages_hold_no_machine_paths_and_no_loose_ends(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"/(?:work|root)/|\bTODO\b|\bTBD\b|\bFIXME\b|lorem ipsum", text, re.IGNORECASE)


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
            found = (page.parent / target.partition("#")[0]).resolve()
            if found.is_dir():
                found = found / "README.md"
            if found.suffix == ".md" and found.exists():
                todo.append(found)
    assert not {str(page.relative_to(ROOT)) for page in set(PAGES) - seen}


def test_the_readme_names_both_commands_and_shows_a_picture() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make run" in text and "make test" in text
    assert "```mermaid" in text or re.search(r"!\[[^\]]+\]\([^)]+\.(svg|png)\)", text)
