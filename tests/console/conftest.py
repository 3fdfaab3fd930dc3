"""A real browser against a real server. Screenshots land in artifacts/screenshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client

from tests.settlement.conftest import bank, funded, rail, sandbox_process  # noqa: F401  a real bank for the pages too

ARTIFACTS = Path(settings.BASE_DIR) / "artifacts" / "screenshots"


@pytest.fixture
def sign_in(browser: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """A page of a person with the role, signed in by session."""
    from partners.models import User

    contexts: list[Any] = []

    def open_page(role: str, name: str = "", dark: bool = False) -> Any:
        username = name or role.replace(" ", "-")
        user = User.objects.filter(username=username).first() or User.objects.create_user(username, password="x" * 16, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        context = browser.new_context(
            base_url=live_server.url, viewport={"width": 1500, "height": 950}, color_scheme="dark" if dark else "light"
        )
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie.value, "url": live_server.url}])
        if dark:
            context.add_init_script("localStorage.setItem('_x_adminTheme', '\"dark\"')")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda line: page.faults.append(line.text) if line.type == "error" else None)
        page.user = user
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def shot() -> Callable[..., None]:
    def take(page: Any, name: str) -> None:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(ARTIFACTS / f"{name}.png"))

    return take
