"""The mailbox connector against a real dovecot with TLS on loopback."""

from __future__ import annotations

import imaplib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingestion import services
from ingestion.connectors import ConnectorError
from ingestion.models import Connector, SourceFile
from reconciliation.models import BankAccount, StatementLine

pytestmark = pytest.mark.django_db

DOVECOT = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
ssl = required
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
mail_location = maildir:{root}/mail/%u
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/passwd
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={root}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(root: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    (root / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (root / "key.pem").write_bytes(pem)


@pytest.fixture(scope="module")
def dovecot():
    if DOVECOT is None:
        pytest.skip("dovecot is not installed: apt-get install dovecot-imapd")
    if os.geteuid() != 0:
        pytest.skip("dovecot can only be started by root here")
    # Not below pytest's own folder: dovecot's processes of other users must be able to walk to it.
    root = Path(tempfile.mkdtemp(prefix="dovecot-"))
    root.chmod(0o755)
    for name in ("run", "state", "mail"):
        (root / name).mkdir()
    os.chown(root / "mail", 65534, 65534)
    certificate(root)
    (root / "passwd").write_text("bank:s3cret\n")
    port = free_port()
    (root / "dovecot.conf").write_text(CONFIG.format(root=root, port=port))
    process = subprocess.Popen([DOVECOT, "-F", "-c", str(root / "dovecot.conf")])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (root / "log").read_text() if (root / "log").exists() else "dovecot ended at once"
            time.sleep(0.1)
        yield root, port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def box(dovecot):
    """A fresh mailbox for each test, and a client to put mails into it."""
    root, port = dovecot
    server = imaplib.IMAP4_SSL("localhost", port, ssl_context=ssl.create_default_context(cafile=root / "cert.pem"), timeout=20)
    server.login("bank", "s3cret")
    mailbox = f"Reports{time.monotonic_ns()}"
    server.create(mailbox)
    yield server, mailbox, {"host": "localhost", "port": port, "user": "bank", "mailbox": mailbox, "ca_file": str(root / "cert.pem")}
    server.logout()


def csv(*references: str) -> bytes:
    return ("date,amount,currency,reference\n" + "".join(f"2026-03-01,10.00,USD,{item}\n" for item in references)).encode()


def mail(sender="Bank <reports@bank.example>", subject="Your statement", **files: bytes) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "in@payos.example", subject
    message.set_content("see attached")
    for name, content in files.items():
        message.add_attachment(content, maintype="text", subtype="csv", filename=name.replace("__", "."))
    return message


def put(box, message) -> None:
    server, mailbox, _ = box
    raw = message if isinstance(message, bytes) else message.as_bytes()
    assert server.append(mailbox, None, None, raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))[0] == "OK"


@pytest.fixture
def connector(partner, platform, box):
    BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")
    config = {**box[2], "sender": "reports@bank.example", "subject": "statement", "pattern": "*.csv"}
    return Connector.objects.create(partner=partner, name="mailbox", kind="imap", config=config, secret="s3cret")


def names() -> list[str]:
    return sorted(SourceFile.objects.values_list("name", flat=True))


def test_attachments_are_chosen_by_sender_and_subject_and_read_once(box, connector):
    put(box, mail(a__csv=csv("A-1"), b__CSV=csv("B-1"), logo__png=b"png"))
    put(box, mail(sender="reports@bank.example <thief@evil.example>", a2__csv=csv("X-1")))
    put(box, mail(sender="x <reports@bank.example.evil.example>", a3__csv=csv("X-2")))
    put(
        box,
        b'From: "<reports@bank.example>" <thief@evil.example>\nSubject: statement\n'
        + mail(a5__csv=csv("X-4")).as_bytes().split(b"\n", 3)[3],
    )
    put(box, mail(subject="Newsletter", a4__csv=csv("X-3")))
    assert "2 attachments would be read" in services.test_connector(connector=connector)
    run = services.run_connector(connector=connector)
    assert (run.error, run.found, run.fresh) == ("", 2, 2) and names() == ["a.csv", "b.CSV"]
    connector.refresh_from_db()
    again = services.run_connector(connector=connector)
    assert (again.error, again.found) == ("", 0)
    put(box, mail(a__csv=csv("A-1")))  # the same file in another mail
    put(box, mail(c__csv=csv("C-1")))
    connector.refresh_from_db()
    run = services.run_connector(connector=connector)
    assert (run.found, run.fresh) == (2, 1) and StatementLine.objects.count() == 3
    assert SourceFile.objects.get(name="a.csv").times_seen == 2
    # The mails stay as they were, unread.
    box[0].select(box[1], readonly=True)
    assert box[0].search(None, "UNSEEN")[1][0].split() == [b"%d" % number for number in range(1, 8)]


def test_a_mailbox_that_is_made_anew_is_read_from_its_first_mail(box, connector):
    put(box, mail(a__csv=csv("A-1")))
    assert services.run_connector(connector=connector).fresh == 1
    server, mailbox, _ = box
    server.delete(mailbox)
    time.sleep(1.1)  # its validity is a time in seconds
    server.create(mailbox)
    put(box, mail(b__csv=csv("B-1")))  # another mail under the same number
    put(box, mail(a__csv=csv("A-1")))
    connector.refresh_from_db()
    run = services.run_connector(connector=connector)
    assert (run.error, run.found, run.fresh) == ("", 2, 1) and names() == ["a.csv", "b.csv"] and StatementLine.objects.count() == 2


def test_attachments_in_every_shape_that_mails_have(box, connector):
    forwarded = EmailMessage()
    forwarded["From"], forwarded["Subject"] = "reports@bank.example", "Fwd: statement"
    forwarded.set_content("fyi")
    forwarded.add_attachment(mail(inner__csv=csv("F-1")))
    put(box, forwarded)
    alone = EmailMessage()
    alone["From"], alone["Subject"] = "reports@bank.example", "statement, nothing else"
    alone.set_content(csv("L-1"), maintype="text", subtype="csv", disposition="attachment", filename="alone.csv")
    put(box, alone)
    put(box, mail(**{"März übersicht__csv": csv("U-1")}))
    inline = mail()
    inline.add_attachment(csv("I-1"), maintype="application", subtype="octet-stream", filename="inline.csv", disposition="inline")
    put(box, inline)
    run = services.run_connector(connector=connector)
    assert (run.error, run.fresh, run.quarantined) == ("", 4, 0)
    assert set(names()) == {"März übersicht.csv", "alone.csv", "inline.csv", "inner.csv"}


def test_broken_mails_stop_no_other_mail(box, connector):
    put(
        box,
        b"From: reports@bank.example\r\nSubject: =?utf-8?q?=FF=FE statement\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment; filename*=utf-99''%FF.csv\r\n\r\n",
    )
    put(box, b"\r\n\r\n\xff\xfe\x00garbage")
    put(box, b'From: "\x80" <<>\r\nSubject: statement\r\n\r\nhello')
    put(box, mail(good__csv=csv("G-1")))
    run = services.run_connector(connector=connector)
    assert run.error == "" and "good.csv" in names() and StatementLine.objects.filter(reference="G-1").exists()


def test_brackets_in_a_subject_mean_themselves(box, connector):
    connector.config["subject"] = "[EXTERNAL] statement*"
    put(box, mail(subject="[EXTERNAL] Statement of March", a__csv=csv("A-1")))
    put(box, mail(subject="E statement", b__csv=csv("B-1")))
    assert services.run_connector(connector=connector).fresh == 1 and names() == ["a.csv"]


def test_what_can_go_wrong_says_what_to_mend(box, connector):
    config = connector.config
    for change, secret, said in (
        ({}, "wrong", "failed"), ({"mailbox": 'No"such'}, "s3cret", "no mailbox"), ({"ca_file": None}, "s3cret", "certificate of localhost is not trusted"),
        ({"host": "127.0.0.1"}, "s3cret", "not trusted"), ({"tls": False, "host": "mail.example"}, "s3cret", "TLS only"), ({"port": 1}, "s3cret", "failed"),
    ):  # fmt: skip
        with pytest.raises(ConnectorError, match=said):
            services.test_connector(connector=Connector(kind="imap", config={**config, **change}, secret=secret))
