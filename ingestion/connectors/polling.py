"""A report that a processor serves over HTTP: asked for on a schedule, page by page, from where the last run stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from ingestion.connectors.base import LARGEST, ConnectorError, Found, needed
from ingestion.connectors.settings import Setting, web_address
from payos.kernel import http

MOST_PAGES = 500


class Polling:
    """With a cursor path the answer is JSON pages; without one it is one file."""

    TITLE = "HTTP"
    ABOUT = "A report that a processor serves at an address: one file, or JSON page by page from where the last run stopped."
    CREDENTIAL = "Token, password or key"
    SETTINGS = (
        Setting("url", "Address", "https://api.processor.example/v1/report", required=True, check=web_address),
        Setting(
            "auth",
            "Shows who we are by",
            choices=(("none", "Nothing"), ("bearer", "Bearer token"), ("basic", "User and password"), ("header", "A header of its own")),
        ),
        Setting("user", "User", "For user and password."),
        Setting("header", "Header", "For a header of its own: X-Api-Key"),
        Setting("params", "Parameters", "Sent with each request, such as type with the value settled.", pairs=True),
        Setting("cursor_path", "Where the next cursor stands", "In the JSON, with dots: meta.next. Empty: the answer is one file."),
        Setting("cursor_param", "Parameter of the cursor", "What the next page is asked for by: starting_after"),
        Setting("items_path", "Where the rows stand", "In the JSON, with dots. Empty: data."),
        Setting("name", "Name of the file", "Empty: report."),
        Setting("timeout", "Patience in seconds", "Empty: 30.", whole=(1, 600)),
    )

    def __init__(self, config: dict[str, Any], secret: str, checkpoint: dict[str, Any]) -> None:
        (self.url,) = needed(config, "url")
        parts = urlsplit(self.url)
        if parts.scheme not in {"https", "http"} or parts.username:
            raise ConnectorError("the address must be http(s) and carry no user or password")
        self.config, self.cursor = config, checkpoint.get("cursor")
        self.client = http.client(timeout=float(config.get("timeout", 30)))
        auth = config.get("auth", "none")
        if auth == "bearer":
            self.client.headers["Authorization"] = f"Bearer {secret}"
        elif auth == "basic":
            self.client.auth = httpx.BasicAuth(str(config.get("user", "")), secret)
        elif auth == "header":
            self.client.headers[needed(config, "header")[0]] = secret
        elif auth != "none":
            raise ConnectorError(f"auth must be none, bearer, basic or header, not {auth!r}")
        self._pages: dict[str, bytes] = {}

    def _get(self, cursor: Any) -> httpx.Response:
        params = dict(self.config.get("params") or {})
        if cursor is not None and self.config.get("cursor_param"):
            params[self.config["cursor_param"]] = str(cursor)
        try:
            response = self.client.get(self.url, params=params)
        except httpx.HTTPError as error:
            raise ConnectorError(f"{urlsplit(self.url).hostname} did not answer: {type(error).__name__}") from error
        if response.status_code == 401:
            raise ConnectorError(f"{urlsplit(self.url).hostname} refuses the credentials (401)")
        if response.status_code not in {200, 204}:
            raise ConnectorError(f"{urlsplit(self.url).hostname} answered {response.status_code}")
        if len(response.content) > LARGEST:
            raise ConnectorError("the answer is too large")
        return response

    def test(self) -> str:
        response = self._get(self.cursor)
        return f"{urlsplit(self.url).hostname} answers {response.status_code} with {len(response.content)} bytes."

    def find(self) -> Iterator[Found]:
        name = self.config.get("name", "report")
        if not self.config.get("cursor_path"):
            content = self._get(None).content
            if content.strip():
                key = hashlib.sha256(content).hexdigest()[:16]
                self._pages[key] = content
                yield Found(key, str(name), key)
            return
        for _ in range(MOST_PAGES):
            response = self._get(self.cursor)
            try:
                page = response.json() if response.content else {}
            except ValueError:
                raise ConnectorError("the answer is no JSON although a cursor path is set") from None
            items = _at(page, self.config.get("items_path", "data"))
            following = _at(page, self.config["cursor_path"])
            if items:
                content = json.dumps(items).encode()
                key = hashlib.sha256(content).hexdigest()[:16]
                self._pages[key] = content
                yield Found(key, f"{name}-{key}.json", str(self.cursor))
            if following in (None, "", self.cursor) or not items:
                break
            # Moved only when the page's file was kept: the consumer comes back for the next one after that.
            self.cursor = following

    def fetch(self, found: Found) -> bytes:
        return self._pages.pop(found.key)

    def done(self, found: Found, quarantined: bool) -> None:
        """Nothing lies on the other side that could be moved."""

    def checkpoint(self) -> dict[str, Any]:
        return {"cursor": self.cursor}

    def close(self) -> None:
        self.client.close()


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value
