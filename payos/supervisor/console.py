"""What `make run` tells the person in front of it."""

from __future__ import annotations

import http.client
import json
from ctypes.util import find_library
from pathlib import Path
from typing import Any


def answers(host: str, port: int) -> bool:
    """Whether the web server says that it is alive."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # nosec B104 # compared with, never bound to
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def demo(home: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((home / "demo.json").read_text()))
    except (OSError, ValueError):
        return {}


def block(url: str, home: Path, *, seconds: float, sandbox: bool, sandbox_port: int) -> str:
    known = demo(home)
    lines = [
        "",
        f"  PayOS is running (after {seconds:.1f} s). Ctrl-C stops it.",
        "",
        f"    Console     {url}/admin/",
        f"    API docs    {url}/v1/docs",
        f"    Health      {url}/readyz",
    ]
    if sandbox:
        lines.append(f"    Bank        http://127.0.0.1:{sandbox_port}  (sandbox)")
    lines.append(f"    Logs        {home / 'log'}")
    logins = known.get("logins", [])
    if logins:
        width = max(len(str(login["role"])) for login in logins)
        name = max(len(str(login["username"])) for login in logins)
        lines += ["", "    Demo logins"]
        lines += [f"      {login['role']:<{width}}  {login['username']:<{name}}  {login['password']}" for login in logins]
    if known.get("api_key"):
        lines += ["", f"    Demo API key  {known['api_key']}"]
        if sandbox:
            lines += [
                "",
                "    The console is still empty? `make demo` in a second terminal plays a day: payments, transfers, statements, cases.",
            ]
    if not find_library("pango-1.0"):
        lines += ["", "    PDF reports need Debian's package libpango-1.0-0, which is missing; all else works."]
    return "\n".join([*lines, ""])
