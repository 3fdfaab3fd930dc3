"""A real browser on a real server: Debian's Chromium through Playwright, on loopback.

Pictures go to a temporary folder, and to docs/images where PAYOS_SCREENSHOTS is set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

IMAGES = Path(settings.BASE_DIR) / "docs" / "images"


@pytest.fixture
def demo(transactional_db: None, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "demo.json"
    call_command("seed_demo", file=str(path))
    return dict(json.loads(path.read_text()))


class Desk:
    """One person at one browser. Everything that the browser complains about is kept in `complaints`."""

    def __init__(self, browser: Any, address: str, tmp_path: Path, dark: bool = False) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark" if dark else "light")
        self.page = self.context.new_page()
        self.address, self.tmp_path = address, tmp_path
        self.complaints: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str) -> Any:
        answer = self.page.goto(self.address + path, wait_until="networkidle")
        return answer

    def sign_in(self, login: dict[str, str]) -> None:
        self.open("/accounts/login/")
        self.page.fill("input[name=login]", login["username"])
        self.page.fill("input[name=password]", login["password"])
        self.page.click("button[type=submit]")
        self.page.wait_for_load_state("networkidle")

    def picture(self, name: str, full: bool = False) -> Path:
        folder = IMAGES if os.environ.get("PAYOS_SCREENSHOTS") else self.tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        self.page.screenshot(path=str(path), full_page=full)
        return path


@pytest.fixture
def desk(browser: Any, live_server: Any, tmp_path: Path) -> Iterator[Any]:
    desks: list[Desk] = []

    def sit(dark: bool = False) -> Desk:
        desks.append(Desk(browser, live_server.url, tmp_path, dark))
        return desks[-1]

    yield sit
    for one in desks:
        one.context.close()
