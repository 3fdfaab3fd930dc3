"""Forms as a browser fills them: what a script of the page does to a field is sent with it."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.models import SourceFile
from operations import services
from payos.kernel import tenancy
from tests.webhooks.conftest import register

pytestmark = pytest.mark.django_db(transaction=True)
STATEMENT = b":20:W1\r\n:25:WALK-1\r\n:28C:1/1\r\n:60F:C261119USD1000,00\r\n:61:2611201120C250,00NTRFREF77//B77\r\n:86:CASH\r\n:62F:C261120USD1250,00\r\n-\r\n"


def test_the_name_of_a_chosen_file_lands_in_no_other_field(sign_in: Any, tmp_path: Any) -> None:
    """A statement uploaded with the mouse is read: its name is not taken for its format."""
    path = tmp_path / "walk.sta"
    path.write_bytes(STATEMENT)
    page = sign_in("operator")
    page.goto("/admin/ingestion/sourcefile/upload")
    page.set_input_files("input[type=file]", str(path))
    assert page.input_value("[name=format]") == ""
    page.click("button:has-text('Upload and read')")
    page.wait_for_url("**/change/**")
    with tenancy.platform_scope():
        file = SourceFile.objects.get(name="walk.sta")
    # The account is unknown here, which is said of what the statement holds: it was read.
    assert "WALK-1" in str(file.facts)
    assert page.faults == []


def test_a_sample_file_leaves_the_profile_s_name_empty(sign_in: Any, tmp_path: Any) -> None:
    path = tmp_path / "takings.csv"
    path.write_text("date,amount,reference\n2026-11-20,12.50,A1\n")
    page = sign_in("operator")
    page.goto("/admin/ingestion/mappingprofile/add/")
    if not page.locator("input[type=file]").count():
        page = sign_in("administrator")
        page.goto("/admin/ingestion/mappingprofile/add/")
    page.set_input_files("input[type=file]", str(path))
    assert page.input_value("input[name=name]") == ""
    assert page.faults == []


def test_the_form_of_periodic_tasks_says_a_crontab_in_words(sign_in: Any) -> None:
    from django_celery_beat.models import CrontabSchedule

    chosen = CrontabSchedule.objects.create(minute="5", hour="3")
    page = sign_in("administrator")
    page.goto("/admin/django_celery_beat/periodictask/add/")
    page.select_option("#id_crontab", str(chosen.pk), force=True)
    page.dispatch_event("#id_crontab", "change")
    assert "3:05" in page.locator("#crontab-in-words").inner_text().replace("03:05", "3:05")
    assert page.faults == [], "the page's policy lets no inline script run, and there is none"


def test_the_debug_page_copies_its_code(sign_in: Any, partner: Any, settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    endpoint = register(partner, "http://127.0.0.1:8890/hook")
    page = sign_in("operator")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/admin/webhooks/endpoint/{endpoint.pk}/debug/")
    button = page.locator("[data-copy]:visible").first
    wanted = page.locator(f"#{button.get_attribute('data-copy')}").text_content()
    button.click()
    page.wait_for_function("() => [...document.querySelectorAll('[data-copy]')].some((one) => one.textContent === 'Copied')")
    assert page.evaluate("navigator.clipboard.readText()").strip() == wanted.strip()
    assert page.faults == []


def test_u_takes_back_the_last_case_of_the_list(sign_in: Any, partner: Any) -> None:
    """With the list worked empty there is no pane and no button; the key still knows what to take back."""
    with tenancy.platform_scope():
        case = services.open_case(kind="unmatched_line", cause_key="u:1", title="The only break", partner_id=partner.pk)
    page = sign_in("operator")
    page.goto("/admin/operations/case/")
    page.keyboard.press("r")
    page.fill("#act-resolve textarea", "Done.")
    page.click("#act-resolve button:has-text('Resolve')")
    page.get_by_text("Nothing here needs a person.").wait_for()
    page.keyboard.press("u")
    page.get_by_role("heading", name="The only break").wait_for()
    with tenancy.platform_scope():
        case.refresh_from_db()
    assert case.state != "resolved"
    assert page.faults == []


def test_a_rule_that_one_may_only_read_is_a_page_without_faults(sign_in: Any, shot: Any) -> None:
    """Fields that hide by what another says are there for whoever writes; who reads sees words, and the page runs no script in vain."""
    from operations.models import AlertRule

    rule = AlertRule.objects.create(name="Lag", metric="payos_outbox_lag_seconds", labels={"rail": "ach"}, threshold=60)
    for role, visible in (("auditor", True), ("administrator", False)):
        page = sign_in(role)
        page.goto(f"/admin/operations/alertrule/{rule.pk}/change/")
        assert page.get_by_text("Age of the oldest event not handled yet (rail = ach)").count() == visible
        assert page.locator("select[name=metric]").count() == (not visible)
        assert page.faults == []
    shot(page, "alert-rule")
    page.select_option("select[name=source]", "cases")
    page.wait_for_selector("input[name=case_kind]", state="visible")
    assert not page.locator("select[name=metric]").is_visible()
    page.select_option("select[name=source]", "metric")
    page.select_option("select[name=condition]", "absent")
    page.wait_for_selector("input[name=window_minutes]", state="visible")
    assert not page.locator("input[name=threshold]").is_visible()


def test_a_profile_is_looked_at_before_it_has_a_name(sign_in: Any, tmp_path: Any) -> None:
    """A table of an odd shape: suggested, previewed, wrong settings said in words, and only keeping it asks for a name."""
    path = tmp_path / "odd.csv"
    path.write_text("Taking list;;\nStore;Kisumu;\n\nDatum;Betrag;Text\n20.11.2026;1.234,50;INV-77 thanks\n21.11.2026;-12,00;FEE\n")
    page = sign_in("administrator")
    page.goto("/admin/ingestion/mappingprofile/add/")
    page.set_input_files("input[type=file]", str(path))
    page.click("button:has-text('Suggest a profile')")
    page.get_by_text("This is what the sample shows.").wait_for()
    page.focus("button:has-text('Preview')")
    page.keyboard.press("Enter")
    page.get_by_text("1234.50").or_(page.get_by_text("1,234.50")).first.wait_for()
    page.fill("input[name=header_row]", "99")
    page.click("button:has-text('Preview')")
    page.wait_for_load_state()
    assert page.get_by_text("1,234.50").count() == 0
    page.fill("input[name=header_row]", "")
    page.click("button:has-text('Save')")
    assert page.evaluate("document.activeElement.name") == "name"
    page.fill("input[name=name]", "odd-takings")
    page.click("button:has-text('Save')")
    page.get_by_text("odd-takings version 1 is kept").wait_for()
    assert page.faults == []
