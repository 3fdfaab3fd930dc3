"""What an administrator and an operator set up with the mouse: a connector, a key, a profile for an odd file, a replay."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingestion.models import Connector, SourceFile
from payos.kernel import tenancy
from reconciliation.models import BankAccount, StatementLine
from tests.webhooks.conftest import deliver, publish, receiver, register  # noqa: F401  a real endpoint to send to

pytestmark = pytest.mark.django_db(transaction=True)
STATEMENT = "date,amount,currency,reference,description\n2026-11-19,10.00,USD,A-1,first\n2026-11-20,-2.50,USD,A-2,second\n"
ODD = "Kasse Nord\n\nTag_X;Art_X;Betrag_X;Beleg_X\n21.11.26;Z;1.234,56;B-1\n22.11.26;A;10,00;B-2\n"


def in_a_thread(work: Callable[[], Any]) -> Any:
    """The browser's own event loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def within(page: Any, selector: str) -> Any:
    return page.locator(f"#dialog {selector}")


def test_a_connector_is_added_tried_and_run(sign_in: Callable[..., Any], shot: Callable[..., None], partner: Any, tmp_path: Path) -> None:
    with tenancy.platform_scope():
        BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")
    (tmp_path / "november.csv").write_text(STATEMENT)
    os.utime(tmp_path / "november.csv", (1, 1))
    page = sign_in("administrator")
    page.goto("/admin/ingestion/connector/add/")
    shot(page, "connector-kinds")
    page.click("a:has-text('a mounted share')")
    page.fill("[name=name]", "Bank drop")
    page.select_option("[name=partner]", label=str(partner), force=True)
    page.fill("[name=set_path]", str(tmp_path / "nowhere"))
    page.select_option("[name=set_after]", "archive", force=True)
    page.click("[name=_continue]")
    page.wait_for_url("**/change/**")
    page.click("text=Test >> visible=true")
    within(page, "button:has-text('Test')").click()
    page.wait_for_selector("text=It does not work")
    page.fill("[name=set_path]", str(tmp_path))
    page.click("[name=_continue]")
    page.wait_for_selector("text=was changed successfully")
    page.click("text=Test >> visible=true")
    within(page, "button:has-text('Test')").click()
    page.wait_for_selector("text=holds 1 files to read")
    page.click("text=Run now >> visible=true")
    within(page, "button:has-text('Run')").click()
    page.wait_for_selector("text=1 of 1 files new")
    shot(page, "connector")
    assert page.faults == []
    with tenancy.platform_scope():
        assert Connector.objects.get().failures == 0 and StatementLine.objects.count() == 2
    assert (tmp_path / "archive" / "november.csv").exists()


def test_a_key_is_made_shown_once_works_and_is_revoked(sign_in: Callable[..., Any], live_server: Any, partner: Any) -> None:
    page = sign_in("administrator")
    page.goto("/admin/partners/apikey/")
    page.click("text=New key >> visible=true")
    within(page, "[name=name]").fill("shop")
    page.select_option("#dialog [name=partner]", label=str(partner), force=True)
    page.select_option("#dialog [name=mode]", "test", force=True)
    within(page, "[name=scopes]").fill("transfers:read")
    within(page, "button:has-text('Make the key')").click()
    page.wait_for_selector("#dialog #secret")
    key = page.input_value("#dialog #secret")
    assert key.startswith("sk_test_")

    def ask(path: str) -> int:
        return httpx.get(f"{live_server.url}{path}", headers={"Authorization": f"Bearer {key}"}).status_code

    assert (ask("/v1/transfers"), ask("/v1/payments")) == (200, 403)
    page.goto("/admin/partners/apikey/")
    assert key not in page.content(), "a key is shown once"
    page.click("a:has-text('shop')")
    page.click("text=Revoke >> visible=true")
    within(page, "[name=reason]").fill("the shop is closed")
    within(page, "button:has-text('Revoke')").click()
    page.wait_for_selector("text=The key is revoked")
    assert ask("/v1/transfers") == 401
    assert page.faults == []


def test_an_odd_file_gets_a_profile_and_is_read_again(sign_in: Callable[..., Any], shot: Callable[..., None], tmp_path: Path) -> None:
    with tenancy.platform_scope():
        BankAccount.objects.create(name="Kasse Nord", identifier="4711", currency="EUR", rail_code="sandbox")
    path = tmp_path / "kasse.csv"
    path.write_text(ODD)
    page = sign_in("administrator")
    page.goto("/admin/ingestion/sourcefile/upload")
    page.set_input_files("input[type=file]", str(path))
    page.click("button:has-text('Upload and read')")
    page.wait_for_url("**/change/**")
    with tenancy.platform_scope():
        file = SourceFile.objects.get()
    assert file.state == "quarantined"
    page.click("text=Make a mapping profile for it >> visible=true")
    page.wait_for_selector("text=The sample is kasse.csv")
    page.fill("[name=name]", "kasse")
    page.check("[name=has_header]")
    page.fill("[name=columns]", "booking_date = Tag_X\ndirection = Art_X\namount = Betrag_X")
    page.fill("[name=references]", "customer = Beleg_X")
    page.fill("[name=account]", "4711")
    page.fill("[name=currency]", "EUR")
    page.fill("[name=debit_words]", "A")
    page.fill("[name=credit_words]", "Z")
    page.fill("[name=date_format]", "%d.%m.%y")
    page.select_option("[name=decimal]", ",", force=True)
    page.click("button:has-text('Preview')")
    page.wait_for_selector("text=2 lines read, 0 rejected")
    shot(page, "mapping-preview")
    page.click("button[name=save]")
    page.wait_for_selector("text=is kept, and is used from now on")
    page.goto(f"/admin/ingestion/sourcefile/{file.pk}/change/")
    page.click("text=Read again >> visible=true")
    page.select_option("[name=profile]", "kasse", force=True)
    page.click("button:has-text('Show what would change')")
    assert "2 added" in page.inner_text("#difference")
    shot(page, "read-again")
    page.click("button[name=apply]")
    page.wait_for_url("**/change/**")
    with tenancy.platform_scope():
        assert SourceFile.objects.get().state == "processed"
        assert sorted(StatementLine.objects.values_list("amount_minor", flat=True)) == [-1000, 123456]
    assert page.faults == []


def test_what_was_given_up_is_sent_again(sign_in: Callable[..., Any], receiver: Any, settings: Any, partner: Any) -> None:  # noqa: F811
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    endpoint = register(partner, receiver.url("/ok"))
    publish(partner, count=2)
    in_a_thread(deliver)
    assert len(receiver.requests) == 2
    page = sign_in("operator")
    page.goto(f"/admin/webhooks/endpoint/{endpoint.pk}/change/")
    page.click("text=Replay >> visible=true")
    page.select_option("#dialog [name=status]", "delivered", force=True)
    within(page, "[name=reason]").fill("the receiver lost its disk")
    within(page, "button:has-text('Send them again')").click()
    page.wait_for_selector("text=2 deliveries are owed again")
    in_a_thread(deliver)
    assert len(receiver.requests) == 4
    assert [one.headers["webhook-id"] for one in receiver.requests[:2]] == [one.headers["webhook-id"] for one in receiver.requests[2:]]
    assert page.faults == []
