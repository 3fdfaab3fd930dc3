"""Demo data: each app adds its own, `manage.py seed_demo` runs them all.

A function registered from AppConfig.ready gets the `Demo` in the platform's scope and must find what it made
before: a second run changes nothing. What people and scripts need to know (logins, keys) stands in `demo.facts`
and is kept in PAYOS_HOME/demo.json, readable by its owner only.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from payos.kernel import tenancy

Function = Callable[["Demo"], None]
_functions: list[Function] = []


@dataclass
class Demo:
    """What earlier functions made, for later ones: partners by slug, people by user name, and the facts told."""

    facts: dict[str, Any] = field(default_factory=dict)
    partners: dict[str, Any] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    tell: Callable[[str], None] = print


def register(function: Function) -> Function:
    """Add demo rows of an app. Runs in the order of INSTALLED_APPS, so lower layers come first."""
    if function not in _functions:
        _functions.append(function)
    return function


def read(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise RuntimeError(f"{path} cannot be read ({error}): remove it, and the demo logins are made anew") from None
    return facts if isinstance(facts, dict) else {}


def write(path: Path, facts: dict[str, Any]) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".demo-")  # made with mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(facts, file, indent=2)
            file.write("\n")
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def seed(path: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run every registered function; returns the facts that the file now holds."""
    before = read(path)
    demo = Demo(facts=json.loads(json.dumps(before)), tell=tell)
    for function in _functions:
        with tenancy.platform_scope(actor="command:seed_demo", reason="demo data"):
            function(demo)
        # After each: a failure in a higher layer must not lose the passwords that a lower one already set.
        if demo.facts != before:
            write(path, demo.facts)
            before = json.loads(json.dumps(demo.facts))
    return demo.facts
