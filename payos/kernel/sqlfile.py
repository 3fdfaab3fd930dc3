"""SQL of substance lives in files beside the module that runs it."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def load(here: str, name: str) -> str:
    """The text of `name` in the `sql` folder beside `here` (a module's __file__) or one folder up."""
    folder = Path(here).resolve().parent
    for place in (folder / "sql" / name, folder.parent / "sql" / name, folder / name):
        if place.exists():
            return place.read_text()
    raise FileNotFoundError(f"there is no {name} in an sql folder beside {here}")
