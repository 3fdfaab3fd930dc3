"""What partners copy works, and the pages say what the code says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from webhooks import docs, samples, signing

SECRET = signing.new_secret()
BODY = json.dumps({"event_id": "evt_1", "name": "São Paulo 🙂"}, ensure_ascii=False).encode()


def headers(secret: str = SECRET, *, body: bytes = BODY, age: int = 0) -> dict[str, str]:
    return signing.headers([signing.new_secret(), secret], "evt_1", int(time.time()) - age, body)


# Made when the test runs: a signature that was made when the file was read is too old by then.
CASES = [
    (headers, True),
    (lambda: headers(body=b"{}"), False),
    (lambda: headers(age=1000), False),
    (lambda: headers(signing.new_secret()), False),
    (dict, False),
]
IDS = ["right", "another body", "too old", "another secret", "no headers"]


@pytest.mark.parametrize(("given", "right"), CASES, ids=IDS)
def test_the_node_sample(given, right, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    shutil.copy(docs.FOLDER / "node.mjs", tmp_path / "sample.mjs")
    (tmp_path / "run.mjs").write_text(
        "import { verify } from './sample.mjs';\n"
        "const [secret, headers, body] = process.argv.slice(2);\n"
        "try { console.log(verify(secret, JSON.parse(headers), Buffer.from(body, 'utf8')).event_id); } catch { console.log('refused'); }\n"
    )
    run = subprocess.run(
        [node, str(tmp_path / "run.mjs"), SECRET, json.dumps(given()), BODY.decode()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == ("evt_1" if right else "refused")


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    compiler, runtime = shutil.which("javac"), shutil.which("java")
    if compiler is None or runtime is None:
        pytest.skip("Java is not installed")
    folder = tmp_path_factory.mktemp("java")
    shutil.copy(docs.FOLDER / "Verify.java", folder)
    (folder / "Run.java").write_text(
        "import java.util.*;\nimport java.nio.charset.StandardCharsets;\n"
        "public class Run { public static void main(String[] a) throws Exception {\n"
        "  Map<String, String> headers = new HashMap<>();\n"
        "  for (int i = 2; i + 1 < a.length; i += 2) headers.put(a[i], a[i + 1]);\n"
        "  System.out.println(Verify.verify(a[0], headers, Base64.getDecoder().decode(a[1])));\n} }\n"
    )
    subprocess.run([compiler, "-d", str(folder), str(folder / "Run.java"), str(folder / "Verify.java")], check=True, timeout=180)
    return [runtime, "-cp", str(folder), "Run"]


@pytest.mark.parametrize(("given", "right"), CASES, ids=IDS)
def test_the_java_sample(given, right, java):
    import base64

    flat = [text for pair in given().items() for text in pair]
    run = subprocess.run([*java, SECRET, base64.b64encode(BODY).decode(), *flat], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == str(right).lower()


def test_the_python_sample(monkeypatch):
    """With a stand-in for Flask: only what the sample does with the published library matters here."""
    kept = []

    class App:
        def __init__(self, name):
            pass

        def post(self, path):
            return lambda function: function

    flask = types.ModuleType("flask")
    flask.Flask, flask.request = App, types.SimpleNamespace(get_data=lambda: BODY, headers=headers())  # type: ignore[attr-defined]
    queue = types.ModuleType("your_code")
    queue.WEBHOOK_SECRET = SECRET  # type: ignore[attr-defined]
    queue.enqueue_once = lambda key, event: kept.append(key)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flask", flask)
    monkeypatch.setitem(sys.modules, "your_code", queue)
    names: dict = {}
    exec(compile((docs.FOLDER / "python.py").read_text(), "python.py", "exec"), names)
    assert names["receive"]() == ("", 204) and kept == ["evt_1"]
    flask.request.headers = headers(body=b"{}")  # type: ignore[attr-defined]
    assert names["receive"]() == ("", 400) and kept == ["evt_1"]


def test_the_pages_are_what_the_code_says():
    call_command("webhook_catalogue", "--check")


def test_every_sample_names_the_three_headers_or_the_library():
    for sample in docs.samples():
        assert "webhook-signature" in sample["code"] or "standard" in sample["code"].lower(), sample["title"]


def test_curl_survives_every_body(tmp_path):
    """Run by a real shell with a stand-in for curl that prints its arguments: no body can break out of its quotes."""
    fake = tmp_path / "curl"
    fake.write_text(f"#!{sys.executable}\nimport sys, json\nprint(json.dumps(sys.argv[1:]))\n")
    fake.chmod(0o755)
    body = """{"a": "it's; $(touch broken) `touch broken` \\" \n é"}"""
    line = samples.as_curl("https://example.com/x?a=1&b=2", {"x-name": "a'b"}, body)
    run = subprocess.run(
        ["/bin/sh", "-c", line], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == ["--request", "POST", "https://example.com/x?a=1&b=2", "--header", "x-name: a'b", "--data-raw", body]
    assert not (tmp_path / "broken").exists()


def test_the_pages_exist():
    for name in ("webhooks.md", "webhook-events.md"):
        assert (Path(settings.BASE_DIR) / "docs" / "partner" / name).exists()
