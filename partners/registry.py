"""What higher layers add to a new partner, in the transaction that makes it.

An app calls `on_partner_created(function)` in its AppConfig.ready; the function gets `partner=` and `livemode=`
and runs once for each mode, in the order of registration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_created: list[Callable[..., None]] = []


def on_partner_created(function: Callable[..., None]) -> Callable[..., None]:
    if function not in _created:
        _created.append(function)
    return function


def partner_created(*, partner: Any) -> None:
    for function in _created:
        for livemode in (False, True):
            function(partner=partner, livemode=livemode)
