"""The console's pages of settlement: what they show, what they hide, and who may switch what."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from operations.models import Approval
from operations.services import decide_approval
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.breaker import Breaker
from payos.kernel.models import AuditEvent
from settlement import secrets, services
from settlement.models import Halt, Rail, SettlementWindow, Transfer, WindowRule
from tests.forms import filled
from tests.settlement.conftest import order

pytestmark = pytest.mark.django_db


def person(name, *permissions):
    user = User.objects.create_user(username=name, password="x", is_staff=True)
    group = Group.objects.create(name=f"group of {name}")
    for permission in permissions:
        app, _, code = permission.partition(".")
        group.permissions.add(Permission.objects.get(content_type__app_label=app, codename=code))
    user.groups.add(group)
    return user


@pytest.fixture
def boss(db):
    user = User.objects.create_superuser(username="boss", password="x")
    client = Client()
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def second(db):
    return User.objects.create_superuser(username="second", password="x")


def dialog(**fields):
    return {"_form_submitted": "True", **fields}


def act(client, model, name, key, **fields):
    address = reverse(f"admin:settlement_{model}_{name}", args=[key] if key else [])
    return client.post(address, dialog(**fields), headers={"HX-Request": "true"})


@pytest.fixture
def sent(api, bank, rail, funded):
    """One transfer that was sent, one that waits for a window."""
    api.post("/v1/transfers", order(reference="went"))
    services.close_due_windows()
    services.execute_rail(rail_code="sandbox")
    with tenancy.platform_scope():
        WindowRule.objects.update(frequency="times", times=["23:58"])
    api.post("/v1/transfers", order(reference="waits", account="555666777888"))
    with tenancy.platform_scope():
        return Transfer.objects.get(reference="went"), Transfer.objects.get(reference="waits")


def test_every_page_answers_and_shows_no_account_number_and_no_secret(boss, sent, rail):
    with tenancy.platform_scope():
        rail.credentials = secrets.packed({"key": "sandbox-key", "webhook_secret": "whisper-it"})
        rail.save()
        went, waits = sent
        keys = {
            "rail": rail.pk,
            "windowrule": WindowRule.objects.get().pk,
            "transfer": waits.pk,
            "settlementwindow": SettlementWindow.objects.get().pk,
            "settlementbatch": went.settlement_batch_id,
        }
    for model in ("rail", "windowrule", "transfer", "transferbatch", "settlementbatch", "settlementwindow", "achfile"):
        pages = [reverse(f"admin:settlement_{model}_changelist")]
        if model in keys:
            pages.append(reverse(f"admin:settlement_{model}_change", args=[keys[model]]))
        for address in pages:
            answer = boss.get(address)
            assert answer.status_code == 200, address
            text = answer.content.decode()
            assert "555666777888" not in text and "whisper-it" not in text and "sandbox-key" not in text and "sandbox-secret" not in text, (
                address
            )
    shown = boss.get(reverse("admin:settlement_transfer_change", args=[went.pk])).content.decode()
    assert went.public_id in shown and "reliability" in shown.lower() and "…" in shown or "*" in shown


def test_the_calendar_tells_what_settles_waits_and_is_late(boss, sent):
    went, waits = sent
    with tenancy.platform_scope():
        Transfer.objects.filter(pk=went.pk).update(expected_at=datetime(2026, 1, 1, tzinfo=UTC))
        Transfer.objects.filter(pk=went.pk).exclude(state="submitted").update(state="submitted")
    text = boss.get(reverse("admin:settlement_calendar")).content.decode()
    assert "Nothing is late" not in text and "Nothing waits" not in text and "23:58" in text
    nobody = Client()
    nobody.force_login(person("nobody"))
    assert nobody.get(reverse("admin:settlement_calendar")).status_code == 403


def test_off_works_at_once_and_on_needs_a_second_person(boss, second, rail):
    assert act(boss, "rail", "switch_off", rail.pk, reason="The bank called.").status_code == 204
    with tenancy.platform_scope():
        off = Rail.objects.get()
        assert not off.enabled and off.off_reason == "The bank called."
        assert AuditEvent.objects.filter(subject_table="settlement_rail", reason="The bank called.").exists()
    act(boss, "rail", "switch_on", rail.pk, reason="The bank is well again.")
    with tenancy.platform_scope():
        assert not Rail.objects.get().enabled
        approval = Approval.objects.get(action="settlement.rail_on")
        decide_approval(approval=approval, user=second, approve=True, note="")
        assert Rail.objects.get().enabled


def test_whoever_may_only_look_switches_nothing(rail):
    client = Client()
    client.force_login(person("watcher", "settlement.view_rail", "settlement.view_transfer"))
    act(client, "rail", "switch_off", rail.pk, reason="x")
    with tenancy.platform_scope():
        assert Rail.objects.get().enabled
    text = client.get(reverse("admin:settlement_rail_change", args=[rail.pk])).content.decode()
    assert "sandbox-secret" not in text and "switch_off" not in text.replace("-", "_")


def test_all_rails_halt_at_once_and_go_on_by_approval(boss, second, rail):
    act(boss, "rail", "halt_all", None, reason="Fraud alarm.")
    with tenancy.platform_scope():
        assert Halt.objects.get().reason == "Fraud alarm."
    assert services.close_due_windows() == []
    act(boss, "rail", "resume_all", None, reason="It was a drill.")
    with tenancy.platform_scope():
        decide_approval(approval=Approval.objects.get(), user=second, approve=True, note="")
        assert not Halt.objects.exists()


def test_a_secret_is_entered_and_what_is_masked_stays(boss, rail):
    address = reverse("admin:settlement_rail_change", args=[rail.pk])
    form = boss.get(address).context["adminform"].form
    shown = {row["name"]: row["value"] for row in form["config"].value()}
    assert shown["webhook_secret"] == secrets.MASK
    data = filled(form, new_key="fresh-key", name="Renamed", currencies="USD, MXN")
    answer = boss.post(address, data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    with tenancy.platform_scope():
        kept = Rail.objects.get()
        assert kept.name == "Renamed" and kept.config["webhook_secret"] == "sandbox-secret"
        assert secrets.of(kept)["key"] == "fresh-key" and secrets.of(kept)["webhook_secret"] == "sandbox-secret"


def test_limits_are_written_as_amounts_and_kept_to_the_cent(boss, rail):
    address = reverse("admin:settlement_rail_change", args=[rail.pk])

    def send(**changes):
        return boss.post(address, filled(boss.get(address).context["adminform"].form, **changes))

    assert (
        send(currencies="USD, USDC, JPY", minimum="1.50", maximum="1,000,000.00", daily_limit="2500000.05", cost_fixed="0.25").status_code
        == 302
    )
    with tenancy.platform_scope():
        kept = Rail.objects.get()
    assert (kept.minimum_minor, kept.maximum_minor, kept.daily_limit_minor, kept.cost_fixed_minor) == (150, 100_000_000, 250_000_005, 25)
    form = boss.get(address).context["adminform"].form
    assert [form[name].value() for name in ("minimum", "maximum", "daily_limit", "cost_fixed")] == [
        "1.50",
        "1000000.00",
        "2500000.05",
        "0.25",
    ]
    assert "0.000150 USDC" in form.fields["minimum"].help_text and "¥150" in form.fields["minimum"].help_text
    assert send(maximum="", daily_limit="").status_code == 302
    with tenancy.platform_scope():
        assert (Rail.objects.get().maximum_minor, Rail.objects.get().daily_limit_minor) == (None, None)
    for field, text, said in [
        ("minimum", "1.234", "more than the 2 decimal places of USD"), ("maximum", "a lot", "is no decimal number"), ("daily_limit", "-5", "not negative"),
        ("maximum", "1.00", "less than the smallest"), ("minimum", "", "required"), ("maximum", "1e9", "is no decimal number"),
    ]:  # fmt: skip
        answer = send(**{"minimum": "1.50", field: text})
        assert answer.status_code == 200, (field, text)
        assert said in str(answer.context["adminform"].form.errors[field]), (field, text)
    with tenancy.platform_scope():
        assert Rail.objects.get().minimum_minor == 150


def test_settings_of_a_rail_keep_their_kind(boss, rail):
    address = reverse("admin:settlement_rail_change", args=[rail.pk])
    wanted = {
        "url": "https://bank.example",
        "timeout": 10,
        "nets": True,
        "ask_seconds": [1, 2.5],
        "code": "007",
        "account": "12345",
        "word": "yes",
    }
    with tenancy.platform_scope():
        Rail.objects.update(config=wanted)
    assert boss.post(address, filled(boss.get(address).context["adminform"].form)).status_code == 302
    with tenancy.platform_scope():
        assert Rail.objects.get().config == wanted
    form = filled(boss.get(address).context["adminform"].form)
    for extra, said in [
        ({"config-9-name": "alone"}, "the value is missing"),
        ({"config-9-name": "url", "config-9-value": "x"}, "Given twice: url"),
        ({"config-9-name": "company", "config-9-value": "{name"}, "company: the value begins like JSON"),
    ]:
        answer = boss.post(address, form | extra)
        assert answer.status_code == 200 and said in str(answer.context["adminform"].form.errors["config"])


def test_who_only_looks_sees_limits_as_money(rail):
    client = Client()
    client.force_login(person("watcher", "settlement.view_rail"))
    with tenancy.platform_scope():
        Rail.objects.update(minimum_minor=150, maximum_minor=None, currencies=["USD"])
    text = client.get(reverse("admin:settlement_rail_change", args=[rail.pk])).content.decode()
    assert "$1.50" in text and "no limit" in text and "minor" not in text


def test_the_circuit_is_shown_and_closed_by_hand(boss, rail):
    breaker = Breaker("rail:sandbox", threshold=1)
    breaker.failure("no answer")
    assert "Open" in boss.get(reverse("admin:settlement_rail_changelist")).content.decode()
    act(boss, "rail", "reset_circuit", rail.pk, reason="Repaired.")
    assert breaker.state() == "closed"


RULES = {
    "pix": {"frequency": "hourly", "cutoff_hour": 17, "timezone": "America/Sao_Paulo"},
    "spei": {"frequency": "4_per_day", "times": ["09:00", "12:00", "15:00", "17:00"], "timezone": "America/Mexico_City"},
}


def test_rules_come_in_and_go_out_as_the_same_json(boss, rail, partner):
    with tenancy.platform_scope():
        for code in RULES:
            Rail.objects.create(code=code, name=code, adapter="sandbox", currencies=["USD"], destination_types=["clabe"])
    assert act(boss, "windowrule", "import_json", None, rules=json.dumps(RULES)).status_code == 204
    exported = boss.get(reverse("admin:settlement_windowrule_export")).json()
    assert exported["pix"]["cutoff_hour"] == 17 and exported["spei"]["times"] == RULES["spei"]["times"]
    with tenancy.platform_scope():
        services.import_rules(config={code: exported[code] for code in RULES})
        assert services.export_rules() == exported
        services.import_rules(config={"pix": {"frequency": "continuous"}}, partner=partner)
        assert services.export_rules(partner=partner)["pix"]["frequency"] == "continuous"
    bad = {"pix": {"frequency": "3_per_day", "times": ["25:00"]}, "nosuch": {}}
    act(boss, "windowrule", "import_json", None, rules=json.dumps(bad))
    assert boss.get(reverse("admin:settlement_windowrule_export")).json() == exported


def test_the_preview_follows_the_form(boss, rail):
    address = reverse("admin:settlement_windowrule_preview")
    with clock.frozen(datetime(2026, 7, 2, 12, tzinfo=UTC)):
        shown = boss.get(
            address, {"frequency": "times", "times": "10:00", "timezone": "America/New_York", "calendar": "US_FED"}
        ).content.decode()
    assert "2026-07-02 10:00" in shown and "2026-07-03 10:00" in shown  # the 4th is a Saturday: Reserve Banks open on Friday
    assert "2026-07-04" not in shown and shown.count("<tr") == 11
    assert "no time of day" in boss.get(address, {"frequency": "times", "times": "<b>"}).content.decode()


def test_a_changed_rule_moves_what_waits_and_repeats_no_old_window(boss, sent, rail):
    _, waits = sent
    with tenancy.platform_scope():
        WindowRule.objects.update(run_until=datetime(2026, 1, 1, tzinfo=UTC))
        rule = WindowRule.objects.select_related("rail").get()
        before = SettlementWindow.objects.count()
        rule.frequency, rule.timezone = "hourly", "UTC"
        services.rule_save(rule=rule)
        assert Transfer.objects.get(pk=waits.pk).window_at == services.next_window(rule)
    assert services.close_due_windows() == []
    with tenancy.platform_scope():
        assert SettlementWindow.objects.count() == before


def test_a_transfer_is_cancelled_by_hand_and_sent_early_by_two(boss, second, sent, bank):
    _, waits = sent
    act(boss, "transfer", "send_now", waits.pk, reason="Payroll cannot wait.")
    with tenancy.platform_scope():
        approval = Approval.objects.get()
        assert Transfer.objects.get(pk=waits.pk).settlement_batch_id is None
        decide_approval(approval=approval, user=second, approve=True, note="")
        assert Transfer.objects.get(pk=waits.pk).settlement_batch_id
        assert SettlementWindow.objects.filter(override_reason="Payroll cannot wait.").exists()
    act(boss, "transfer", "cancel", waits.pk, reason="Changed our minds.")
    with tenancy.platform_scope():
        assert Transfer.objects.get(pk=waits.pk).state == "cancelled"
        assert boss.get(reverse("admin:settlement_transfer_change", args=[uuid.uuid4()])).status_code in {302, 404}
