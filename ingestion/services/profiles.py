"""Mapping profiles: found by name, kept in versions, tried on a sample before anything depends on them."""

from __future__ import annotations

import uuid
from typing import Any, BinaryIO

from django.db import transaction
from django.db.models import Q

from ingestion.models import Connector, MappingProfile
from ingestion.parsers import preview as previews
from ingestion.parsers import suggest as suggestions
from ingestion.parsers.processors import BUILT_IN
from ingestion.parsers.profiles import Profile, ProfileError
from payos.kernel import locks, tenancy
from payos.kernel.errors import Problem, register

LARGEST_SAMPLE = 16 << 20

register(
    "profile_unknown", 422, "No such mapping profile", "Name an active mapping profile of the partner or the platform, or a built-in one."
)
register("profile_invalid", 422, "The mapping profile cannot work", "Mend what the detail names, and try it on a sample.")


def find_profile(*, name: str, partner_id: uuid.UUID | None) -> Profile:
    """The partner's own profile of that name, else the platform's, else the one that comes with the product."""
    # The platform's profiles belong to nobody and are meant for all: the partner's scope would hide them.
    with transaction.atomic(), tenancy.platform_scope():
        rows = MappingProfile.objects.filter(Q(partner_id=partner_id) | Q(partner=None), name=name, current=True, active=True)
        own = sorted(rows, key=lambda row: row.partner_id is None)
    if own:
        return own[0].as_profile()
    if name in BUILT_IN:
        return BUILT_IN[name][1]
    raise Problem("profile_unknown", f"There is no mapping profile {name[:60]!r}: see Mapping profiles for those that can be named.")


def profile_names(*, partner_id: uuid.UUID | None = None) -> list[str]:
    """What may be named: kept profiles first, then the built-in ones."""
    with transaction.atomic(), tenancy.platform_scope():
        rows = MappingProfile.objects.filter(current=True, active=True)
        if partner_id is not None:
            rows = rows.filter(Q(partner_id=partner_id) | Q(partner=None))
        kept = list(rows.values_list("name", flat=True)[:1000])
    return [*dict.fromkeys(kept), *sorted(set(BUILT_IN) - set(kept))]


def check_profile(*, definition: dict[str, Any], name: str) -> Profile:
    """A definition as a profile, or what is wrong with it."""
    try:
        return Profile.from_dict({**definition, "name": name})
    except (ProfileError, TypeError, ValueError) as error:
        raise Problem("profile_invalid", f"{error}.") from None


@transaction.atomic
def save_profile(
    *, name: str, kind: str, definition: dict[str, Any], partner_id: uuid.UUID | None, title: str = "", note: str = "", active: bool = True
) -> MappingProfile:
    """Keep a profile. The same content again changes nothing; other content is the next version, and is used from now on."""
    if kind not in dict(MappingProfile._meta.get_field("kind").choices or ()):
        raise Problem("profile_invalid", f"A profile is for csv, xlsx or json, not for {kind[:20]!r}.")
    kept = check_profile(definition=definition, name=name).as_dict()
    for key in ("name", "title", "version"):
        del kept[key]
    kept = {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}
    locks.advisory_xact_lock(f"ingestion:profile:{partner_id}:{name}")
    before = MappingProfile.objects.select_for_update(of=("self",)).filter(partner=partner_id, name=name, current=True).first()
    if (
        before is not None
        and (before.kind, before.title, before.active) == (kind, title, active)
        and Profile.from_dict({**before.definition, "name": name}) == Profile.from_dict({**kept, "name": name})
    ):
        return before
    last = MappingProfile.objects.filter(partner=partner_id, name=name).order_by("-version").values_list("version", flat=True).first()
    if before is not None:
        before.current = False
        before.save(update_fields=["current"])
    return MappingProfile.objects.create(
        partner_id=partner_id, name=name, version=(last or 0) + 1, kind=kind, title=title, definition=kept, note=note[:300], active=active
    )


def users_of(*, profile: MappingProfile) -> list[str]:
    """The connectors that name the profile."""
    rows = Connector.objects.filter(profile_name=profile.name)
    if profile.partner_id is not None:
        rows = rows.filter(partner_id=profile.partner_id)
    return list(rows.values_list("name", flat=True)[:100])


def preview_profile(*, content: BinaryIO, profile: Profile | None, kind: str = "", name: str = "") -> previews.Preview:
    """What the profile makes of a sample. Nothing is kept."""
    _bounded(content)
    return previews.preview(content, profile, kind, name)


def suggest_profile(*, content: BinaryIO, name: str = "", kind: str = "") -> tuple[str, Profile]:
    """A profile to start from; `Unreadable` says why there is none."""
    _bounded(content)
    return suggestions.suggest(content, name, kind)


def _bounded(content: BinaryIO) -> None:
    content.seek(0, 2)
    size = content.tell()
    content.seek(0)
    if size > LARGEST_SAMPLE:
        raise Problem("payload_too_large", f"The sample has {size >> 20} MB; the first {LARGEST_SAMPLE >> 20} MB are enough.")
