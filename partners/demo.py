"""Demo tenants, one login for each role, and a test key."""

from __future__ import annotations

import secrets

from django.db import transaction

from partners import roles, services
from partners.models import Branch, Partner, User
from payos.kernel import tenancy
from payos.kernel.demo import Demo

# (name, country, time zone, currencies)
PARTNERS: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("Acme Lending", "US", "America/New_York", ("USD", "USDC")),
    ("Boreal Payouts", "MX", "America/Mexico_City", ("MXN", "BRL", "USD")),
    ("Savanna Retail", "KE", "Africa/Nairobi", ("KES",)),
]
BRANCHES: dict[str, list[tuple[str, str, int]]] = {
    "savanna-retail": [("NBO-01", "Nairobi Westlands", 1), ("MBA-01", "Mombasa Nyali", 1), ("KSM-01", "Kisumu Central", 2)],
}
LOGINS: dict[str, str] = {
    "operator": roles.OPERATOR,
    "approver": roles.APPROVER,
    "treasurer": roles.TREASURER,
    "compliance": roles.COMPLIANCE,
    "auditor": roles.AUDITOR,
    "admin": roles.ADMINISTRATOR,
}
KEY_PARTNER = "acme-lending"


def seed(demo: Demo) -> None:
    with transaction.atomic():
        _partners(demo)
        _people(demo)
        _key(demo)


def _partners(demo: Demo) -> None:
    for name, country, timezone, currencies in PARTNERS:
        slug = name.lower().replace(" ", "-")
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            partner = services.partner_create(name=name, country=country, timezone=timezone, currencies=currencies)
            demo.tell(f"partner {name}")
        demo.partners[slug] = partner
        for code, branch_name, holding_days in BRANCHES.get(slug, []):
            if not Branch.objects.filter(partner=partner, livemode=False, code=code).exists():
                services.branch_create(partner=partner, code=code, name=branch_name, holding_days=holding_days)
                demo.tell(f"branch {branch_name}")


def _people(demo: Demo) -> None:
    kept = {login["username"]: login["password"] for login in demo.facts.get("logins", [])}
    logins = []
    for username, role in LOGINS.items():
        password = kept.get(username) or secrets.token_urlsafe(12)
        user = User.objects.filter(username=username).first()
        if user is None:
            user = services.user_create(username=username, password=password, roles=(role,))
            demo.tell(f"login {username}")
        elif username not in kept or not user.check_password(password):
            # The file is gone or belongs to other data: what it says from now on must be true.
            services.user_set_password(user=user, password=password, reason="demo data")
            demo.tell(f"login {username}: new password")
        demo.people[username] = user
        logins.append({"role": role, "username": username, "password": password})
    demo.facts["logins"] = logins


def _key(demo: Demo) -> None:
    partner = demo.partners[KEY_PARTNER]
    secret = demo.facts.get("api_key", "")
    known = services.api_key_find(secret) if secret else None
    if known is None or known.partner_id != partner.pk:
        with tenancy.tenant_scope(partner.pk, False):
            _, secret = services.api_key_create(partner=partner, livemode=False, name="demo")
        demo.tell("test key")
    demo.facts["api_key"] = secret
    demo.facts["partner"] = partner.public_id
    demo.facts["partner_name"] = partner.name
