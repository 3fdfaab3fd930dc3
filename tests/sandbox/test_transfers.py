"""Transfers, their idempotency, their webhooks, and a bank that is killed in the middle of its work."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from .conftest import ROOT, US, Bank, wait_for


def test_a_transfer_is_executed_and_settles(bank):
    made = bank.send("trf_1", 12345, description="Invoice 7", metadata={"rail": "sandbox"})
    assert made["status"] == "pending" and made["executed_amount_minor"] == 12345
    settled = bank.becomes("trf_1", "settled")
    assert settled["id"] == made["id"] and settled["settled_at"]
    truth = bank.get("/executions")
    assert truth["totals"] == {"executions": 1, "references": 1} and truth["executed_more_than_once"] == {}
    row = truth["data"][0]
    assert (row["reference"], row["amount_minor"], row["currency"], row["count"]) == ("trf_1", -12345, "USD", 1)
    assert row["detail"]["metadata"] == {"rail": "sandbox"}
    opening = bank.get("/accounts")["data"][0]["opening_minor"]
    assert bank.get("/balance")["balance_minor"] == opening - 12345


def test_the_same_reference_is_the_same_transfer(bank):
    first, second = bank.send("trf_1"), bank.send("trf_1", description="said differently")
    assert first["id"] == second["id"] and second["submissions"] == 2
    assert bank.executed("trf_1") == 1
    for other in ({"amount": 1001}, {"currency": "EUR"}, {"destination": {**US, "account_number": "9"}}):
        answer = bank.send("trf_1", expect=409, **other)
        assert answer["error"]["code"] == "reference_conflict"
    assert bank.executed("trf_1") == 1


def test_twenty_clients_with_one_reference_make_one_execution(bank):
    answers = []

    def one():
        with httpx.Client(base_url=bank.client.base_url, headers=bank.client.headers) as client:
            body = {"reference": "race", "amount_minor": 5, "currency": "USD", "destination": US}
            answers.append(client.post("/transfers", json=body).json()["id"])

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20 and len(set(answers)) == 1 and bank.executed("race") == 1


def test_what_was_never_received_is_not_found(bank):
    response = bank.client.get("/transfers/nobody")
    assert response.status_code == 404 and response.json()["error"]["code"] == "not_found"


def test_the_key_is_asked_for_everywhere_but_health(bank):
    for method, path in (("POST", "/transfers"), ("GET", "/executions"), ("PUT", "/faults"), ("GET", "/nowhere")):
        assert httpx.request(method, f"{bank.client.base_url}{path}", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert httpx.get(f"{bank.client.base_url}/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"amount_minor": 1.5}, "bad_amount"), ({"amount_minor": True}, "bad_amount"), ({"amount_minor": 0}, "bad_amount"),
     ({"amount_minor": -5}, "bad_amount"), ({"amount_minor": 10**16}, "bad_amount"), ({"reference": ""}, "bad_reference"),
     ({"reference": "x" * 129}, "bad_reference"), ({"currency": "usd"}, "bad_currency"), ({"destination": {}}, "bad_destination"),
     ({"destination": "x"}, "bad_destination"), ({"metadata": []}, None), ({"metadata": [1]}, "bad_metadata"), ({"description": 5}, "bad_description")],
)  # fmt: skip
def test_bad_requests_are_refused_and_leave_no_trace(bank, change, code):
    body = {"reference": "r", "amount_minor": 5, "currency": "USD", "destination": US, **change}
    response = bank.client.post("/transfers", json=body)
    if code is None:
        assert response.status_code == 201
    else:
        assert response.status_code == 422 and response.json()["error"]["code"] == code
        assert bank.get("/executions")["data"] == [] and bank.get("/transfers")["data"] == []


def test_what_is_not_http_or_not_json_is_answered_and_the_bank_lives_on(bank):
    address = (bank.client.base_url.host, bank.client.base_url.port)
    cases = [(b"GARBAGE\r\n\r\n", b" 400 "), (b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 40_000, b" 431 "),
             (b"POST /transfers HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n", b" 413 "),
             (b"POST /transfers HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", b" 411 ")]  # fmt: skip
    for sent, expected in cases:
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(sent)
            assert expected in connection.recv(4096)
    for body in (b"{", b"[1]", b"[" * 100_000):
        assert bank.client.post("/transfers", content=body).status_code == 400
    assert bank.client.get("/transfers", params={"limit": "many"}).status_code == 422
    assert bank.client.delete("/transfers").status_code == 405
    assert bank.get("/health")["status"] == "ok"


def test_the_list_is_a_feed_of_changes(bank):
    for i in range(7):
        bank.send(f"t{i}")
    for i in range(7):
        bank.becomes(f"t{i}", "settled")
    seen, since = [], 0
    while True:
        page = bank.get("/transfers", since=since, limit=3)
        seen += [row["reference"] for row in page["data"]]
        since = page["next_since"]
        if not page["has_more"]:
            break
    assert sorted(seen) == [f"t{i}" for i in range(7)]
    assert bank.get("/transfers", since=since)["data"] == []
    bank.send("t8")
    assert [row["reference"] for row in bank.get("/transfers", since=since)["data"]] == ["t8"]


def test_magic_accounts_and_words(bank):
    bank.send("back", destination={**US, "account_number": "9900000001"})
    bank.send("no", destination={**US, "account_number": "9700000003"})
    bank.send("word", description="please SANDBOX:RETURN:AC04")
    assert bank.becomes("back", "returned")["code"] == "R01"
    assert bank.becomes("no", "failed")["code"] == "R03"
    assert bank.becomes("word", "returned")["code"] == "AC04"
    assert (bank.executed("back"), bank.executed("no"), bank.executed("word")) == (1, 0, 1)
    account = bank.get("/accounts")["data"][0]
    assert account["balance_minor"] == account["opening_minor"]


def test_no_money_is_no_execution(bank):
    bank.send("rich", 10**13)
    bank.send("poor", 1)
    assert bank.becomes("poor", "failed")["code"] == "insufficient_funds" and bank.executed("poor") == 0


def test_deposits_happen_once_and_their_kind_decides_the_direction(bank):
    body = {"reference": "dep1", "amount_minor": 700, "currency": "EUR", "payer": "Acme", "description": "rent"}
    first, again = bank.client.post("/accounts/deposit", json=body), bank.client.post("/accounts/deposit", json=body)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert bank.client.post("/accounts/deposit", json={**body, "amount_minor": 701}).status_code == 409
    assert bank.client.post("/accounts/deposit", json={**body, "kind": "fee"}).status_code == 409
    assert bank.client.post("/accounts/deposit", json={**body, "kind": "gift"}).status_code == 422
    fee = bank.client.post("/accounts/deposit", json={**body, "reference": "fee1", "kind": "fee", "amount_minor": 50}).json()
    assert fee["amount_minor"] == -50 and fee["balance_minor"] == first.json()["balance_minor"] - 50


def verify(secret: bytes, headers: dict[str, str], body: bytes) -> None:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == wanted


@pytest.mark.parametrize(("secret", "raw"), [("plain text", b"plain text"), ("whsec_" + base64.b64encode(b"k" * 24).decode(), b"k" * 24)])
def test_webhooks_are_signed_and_tell_what_happened(bank, receiver, secret, raw):
    assert bank.client.put("/webhooks", json={"url": receiver.url, "secret": secret}).status_code == 200
    bank.send("good")
    bank.send("bad", destination={**US, "account_number": "9700000003"})
    bank.send("back", destination={**US, "account_number": "9900000002"})
    wait_for(lambda: len(receiver.received) >= 4, "four webhooks")
    told = set()
    for headers, body in receiver.received:
        verify(raw, headers, body)
        event = json.loads(body)
        told.add((event["type"], event["data"]["reference"], event["data"]["status"]))
    assert told == {
        ("transfer.settled", "good", "settled"), ("transfer.failed", "bad", "failed"),
        ("transfer.settled", "back", "settled"), ("transfer.returned", "back", "returned"),
    }  # fmt: skip


def test_a_webhook_is_sent_again_under_its_id_until_it_is_taken(bank, receiver):
    receiver.answers = [500, 503, 302]
    bank.client.put("/webhooks", json={"url": receiver.url})
    bank.send("t")
    wait_for(lambda: len(receiver.received) >= 4, "three refusals and one delivery")
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    wait_for(lambda: bank.get("/webhooks")["states"] == {"delivered": 1}, "the delivery to be noted")


def test_a_receiver_that_is_no_http_server_does_not_stop_the_sending(bank, receiver):
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def babble():
            for _ in range(2):
                connection, _ = odd.accept()
                connection.sendall(b"\r\n\r\n")
                connection.close()

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        bank.client.put("/webhooks", json={"url": f"http://127.0.0.1:{odd.getsockname()[1]}/"})
        bank.send("t")
        thread.join(10)
    bank.client.put("/webhooks", json={"url": receiver.url})
    wait_for(lambda: receiver.received, "the webhook at its new address")


def test_gone_means_gone(bank, receiver):
    receiver.answers = [410]
    bank.client.put("/webhooks", json={"url": receiver.url})
    bank.send("t")
    wait_for(lambda: bank.get("/webhooks")["states"] == {"dead": 1}, "the webhook to die")


def test_killed_in_full_flight_it_keeps_its_truth_and_goes_on(bank, receiver):
    """Ten kills under load: what was answered is known afterwards, nothing is executed twice, all of it settles."""
    bank.client.put("/webhooks", json={"url": receiver.url})
    bank.client.put("/faults", json={"settlement_seconds": 0.3})
    answered = set()
    for round_ in range(10):
        stop = threading.Event()

        def pour(base=bank.client.base_url, headers=bank.client.headers, round_=round_, stop=stop):
            with httpx.Client(base_url=base, headers=headers, timeout=2) as client:
                n = 0
                while not stop.is_set():
                    body = {"reference": f"k{round_}-{n}", "amount_minor": 100 + n, "currency": "USD", "destination": US}
                    try:
                        if client.post("/transfers", json=body).status_code == 201:
                            answered.add(body["reference"])
                    except httpx.HTTPError:
                        return
                    n += 1

        thread = threading.Thread(target=pour)
        thread.start()
        wait_for(lambda r=round_: sum(1 for x in list(answered) if x.startswith(f"k{r}-")) >= 10, "some answers")
        bank.kill()
        stop.set()
        thread.join()
        bank.start()
    truth = bank.get("/executions", limit=20000)
    executed = {row["reference"] for row in truth["data"]}
    assert answered <= executed and truth["executed_more_than_once"] == {}
    assert len(executed - answered) <= 10, "at most the one call in flight at each kill is executed without an answer"
    wait_for(lambda: {t["status"] for t in bank.get("/transfers", limit=1000)["data"]} == {"settled"}, "everything to settle")
    account = bank.get("/accounts")["data"][0]
    assert account["balance_minor"] == account["opening_minor"] + sum(row["amount_minor"] for row in truth["data"])
    wait_for(lambda: {json.loads(b)["data"]["reference"] for _, b in list(receiver.received)} == executed, "every webhook")


def test_two_banks_never_share_books(bank):
    second = subprocess.run(
        [sys.executable, "-m", "sandbox", "--port", "0", "--data", str(bank.data)], cwd=ROOT, capture_output=True, timeout=30, check=False
    )
    assert second.returncode != 0 and b"locked" in second.stderr


def test_a_bank_ends_with_the_process_that_started_it(tmp_path):
    starts = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'sandbox', '--port', '0', '--data', sys.argv[1], '--parent', str(os.getpid())],"
        " stdout=subprocess.DEVNULL)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", starts, str(tmp_path)], cwd=ROOT)
    try:
        port = tmp_path / "port"
        wait_for(lambda: port.exists() and port.read_text(), "the bank to start")
    finally:
        parent.kill()
        parent.wait(10)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(port.read_text()))) == 0

    wait_for(lambda: not answers(), "the bank to end")


def test_settings_survive_a_restart(bank):
    bank.faults(reject=1.0)
    bank.client.post("/clock", json={"now": "2027-03-01T12:00:00Z"})
    bank.kill()
    bank.start()
    assert bank.get("/faults")["reject"] == 1.0 and bank.today() == "2027-03-01"


def test_it_shares_no_code_with_the_application():
    probe = "import sys, sandbox.__main__; print([m for m in sys.modules if m.split('.')[0] in ('payos', 'settlement', 'django', 'ledger', 'partners')])"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_a_second_start_on_the_same_folder_after_a_clean_stop(bank):
    bank.send("t")
    assert bank.kill(15) == 0
    restarted: Bank = bank.start()
    assert restarted.executed("t") == 1
