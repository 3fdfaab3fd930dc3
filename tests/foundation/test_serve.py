"""The real thing: `manage.py serve` with its own PostgreSQL, Valkey, web server, worker and clock, killed and refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from payos.supervisor.preflight import free_port
from tests.foundation.world import ROOT, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),  # limits for a machine that does much else; a quiet one needs a tenth of it
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are looked for in /proc"),
]


class Product(World):
    """One installation in a folder of its own, which Postgres's user may enter."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.home = folder / "home"
        unwanted = {"DATABASE_URL", "REDIS_URL", "PAYOS_TEST_DATABASE", "PUBLIC_URL"}
        self.environment = {name: value for name, value in self.environment.items() if name not in unwanted}
        self.environment["PAYOS_HOME"] = str(self.home)
        self.port = free_port()
        self.bank = free_port()

    def serve(self, *extra: str) -> subprocess.Popen[bytes]:
        (self.folder / "driver.log").write_text("")
        ports = ["--port", str(self.port), "--sandbox-port", str(self.bank)]
        return self.start(sys.executable, "manage.py", "serve", *ports, *extra)

    def refused(self, *extra: str, home: Path | None = None) -> str:
        """What a start that may not succeed says, on one line, with exit code 2."""
        ports = [] if "--port" in extra else ["--port", str(self.port), "--sandbox-port", str(self.bank)]
        done = subprocess.run(
            [sys.executable, "manage.py", "serve", *ports, *extra],
            cwd=ROOT, capture_output=True, text=True, timeout=400,
            env=self.environment | ({"PAYOS_HOME": str(home)} if home else {}),
        )  # fmt: skip
        assert done.returncode == 2, done.stdout + done.stderr
        said = [line for line in done.stderr.splitlines() if line.strip()]
        assert len(said) == 1 and said[0].startswith("payos: "), done.stderr
        return said[0]

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://localhost:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    folder = Path(tempfile.mkdtemp(prefix="payos-serve-"))
    folder.chmod(0o755)
    made = Product(folder)
    yield made
    made.end()
    made.assert_empty(seconds=60)
    shutil.rmtree(folder, ignore_errors=True)


def test_killed_at_random_moments_no_process_of_the_product_is_left(product: Product) -> None:
    dice = random.Random(4)
    # The first start makes a database; later ones find what the killed ones left behind.
    for moment in (dice.uniform(1.0, 4.0), dice.uniform(4.0, 9.0), dice.uniform(9.0, 13.0)):
        serve = product.serve()
        time.sleep(moment)
        serve.kill()
        serve.wait()
        # The guard ends the children within its patience; the servers leave when nobody holds them any more.
        product.assert_empty(seconds=120)


def test_it_starts_tells_where_it_is_keeps_its_data_and_stops(product: Product) -> None:
    serve = product.serve()
    product.wait_for("PayOS is running", seconds=400)
    said = product.said()
    assert f"http://localhost:{product.port}/admin/" in said and f"http://localhost:{product.port}/v1/docs" in said
    demo = json.loads((product.home / "demo.json").read_text())
    roles = {login["role"] for login in demo["logins"]}
    assert {"operator", "approver", "treasurer", "auditor", "administrator", "compliance officer"} <= roles
    assert all(login["username"] in said and login["password"] in said for login in demo["logins"])
    assert demo["api_key"].startswith("sk_test_") and demo["api_key"] in said
    assert product.get("/healthz") == (200, b"ok\n")

    deadline = time.monotonic() + 240
    while product.get("/readyz")[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.3)
    status, body = product.get("/readyz")
    assert status == 200, body
    checks = json.loads(body)["checks"]
    assert set(checks) == {"database", "cache", "broker", "migrations", "worker", "beat", "outbox"}

    sentence = product.refused()
    assert "already running" in sentence and f"http://localhost:{product.port}" in sentence
    assert serve.poll() is None, "the second copy must not harm the first"

    serve.send_signal(signal.SIGINT)
    assert serve.wait(200) == 0
    assert "Everything has stopped" in product.said()
    product.assert_empty(seconds=120)

    again = product.serve()
    product.wait_for("PayOS is running", seconds=400)
    assert demo["api_key"] in product.said(), "the next start works on the same data"
    stopped = subprocess.run(
        [sys.executable, "manage.py", "serve", "--stop"], cwd=ROOT, env=product.environment, capture_output=True, timeout=300
    )
    assert stopped.returncode == 0 and again.wait(30) == 0
    product.assert_empty(seconds=120)


def test_a_dead_worker_and_dead_servers_come_back(product: Product) -> None:
    serve = product.serve()
    product.wait_for("PayOS is running", seconds=400)
    deadline = time.monotonic() + 240
    while not (workers := [pid for pid, line in product.alive().items() if "celery -A payos worker" in line]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(min(workers), signal.SIGKILL)
    product.wait_for("worker was ended by SIGKILL; starting it again in 1 s")
    (keeper,) = [pid for pid, line in product.alive().items() if "payos.embedded.keeper" in line]
    os.kill(keeper, signal.SIGKILL)
    deadline = time.monotonic() + 240
    time.sleep(2)
    while product.get("/readyz")[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    status, body = product.get("/readyz")
    assert status == 200, body
    serve.terminate()
    assert serve.wait(200) == 0
    product.assert_empty(seconds=120)


def test_with_parent_it_goes_when_make_was_killed(product: Product) -> None:
    program = "import subprocess, sys;subprocess.run([sys.executable, 'manage.py', 'serve', '--with-parent', *sys.argv[1:]])"
    (product.folder / "driver.log").write_text("")
    parent = product.start(sys.executable, "-c", program, "--port", str(product.port), "--sandbox-port", str(product.bank))
    product.wait_for("PayOS is running", seconds=400)
    parent.kill()
    parent.wait()
    product.assert_empty(seconds=120)


def test_a_port_in_use_is_one_sentence(product: Product) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = product.refused("--port", str(port))
    assert f"port {port}" in sentence and "in use" in sentence and "--port" in sentence
    product.assert_empty(seconds=120)


def test_a_folder_that_cannot_be_used_is_one_sentence(product: Product) -> None:
    file = product.folder / "a-file"
    file.write_text("")
    sentence = product.refused(home=file / "home")
    assert str(file / "home") in sentence and "writable" in sentence


def test_a_broken_data_folder_is_one_sentence(product: Product) -> None:
    home = product.folder / "broken"
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "PG_VERSION").write_text("18\n")
    sentence = product.refused(home=home)
    assert "did not start" in sentence and "restore" in sentence and str(home) in sentence
    product.assert_empty(seconds=120)


def test_a_command_before_the_first_start_is_one_sentence(product: Product) -> None:
    for command in (["demo_day"], ["ledger_verify"], ["create_partner", "Acme"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=product.environment, capture_output=True, text=True, timeout=400
        )
        said = [line for line in done.stderr.splitlines() if line.strip()]
        assert done.returncode == 2 and len(said) == 1, done.stderr
        assert said[0].startswith("payos: the database is not up to date") and "make run" in said[0]
    product.assert_empty(seconds=120)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PostgreSQL run as another user")
def test_a_folder_that_the_servers_user_may_not_enter_works(product: Product) -> None:
    shut = product.folder / "shut"
    shut.mkdir(mode=0o700)
    home = elsewhere = shut / "home"
    try:
        # The second time the folder was removed in between, and with it the passwords of what lies elsewhere.
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "manage.py", "showmigrations", "kernel"], cwd=ROOT, capture_output=True, text=True,
                env=product.environment | {"PAYOS_HOME": str(home)}, timeout=600,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            elsewhere = (home / "postgres").resolve()
            assert (elsewhere / "data").is_dir()
            product.assert_empty(seconds=120)
            shutil.rmtree(home)
    finally:
        if elsewhere.parent == Path("/var/lib/payos"):
            shutil.rmtree(elsewhere)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from payos.embedded import home as homes

    full = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(homes.shutil, "disk_usage", lambda path: full)
    with pytest.raises(homes.EmbeddedError, match="only 3 MB are free .*; free some space or set PAYOS_HOME"):
        homes.Home(tmp_path / "home").prepare()
