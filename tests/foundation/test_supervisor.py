"""The supervisor is killed at any moment and leaves no process behind. Orphans are looked for in a way of the test's own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from payos.supervisor import orphans
from payos.supervisor.preflight import OnlyCopy, Refused, free_port, require_port
from tests.foundation.world import World

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are looked for in /proc")

# Three children: an obedient one, one that has children of its own and ignores SIGTERM as they do, one that crashes.
DRIVER = """
import pathlib, sys, threading
from payos.supervisor.supervisor import Service, Stop, Supervisor

stubborn = '''
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
kids = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
os.fork()
time.sleep(600)
'''
crashing = "import time; print('about to fail', flush=True); time.sleep(0.2); raise SystemExit(3)"
folder = pathlib.Path(sys.argv[1])
supervisor = Supervisor(folder / "run", folder / "log", lambda text: print(text, flush=True), pauses=(0.1, 0.2), grace=1)
supervisor.listen()
try:
    supervisor.prepare()
    supervisor.start(Service("good", [sys.executable, "-c", "import time; time.sleep(600)"]))
    supervisor.start(Service("stubborn", [sys.executable, "-c", stubborn], stop_seconds=0.5))
    supervisor.start(Service("crashing", [sys.executable, "-c", crashing]))
    print("started", flush=True)
    supervisor.watch()
except Stop:
    pass
finally:
    supervisor.stop()
print("stopped", flush=True)
"""


class Toys(World):
    def driver(self) -> subprocess.Popen[bytes]:
        return self.start(sys.executable, "-c", textwrap.dedent(DRIVER), str(self.folder))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Toys]:
    made = Toys(tmp_path)
    yield made
    made.end()


def test_an_orderly_stop_ends_everything_even_what_ignores_it(world: Toys) -> None:
    driver = world.driver()
    world.wait_for("started")
    world.wait_until_alive(6)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(120) == 0
    assert "stopped" in world.said()
    world.assert_empty(seconds=0)


def test_killed_at_random_moments_nothing_is_left(world: Toys) -> None:
    dice = random.Random(20261121)
    for _ in range(8):
        driver = world.driver()
        # From before the first child (the interpreter alone takes a second) to after the last one's crash.
        time.sleep(dice.uniform(0.4, 2.2))
        driver.kill()
        driver.wait()
        world.assert_empty(seconds=90)


def test_the_next_start_clears_what_a_killed_supervisor_and_its_guard_left(world: Toys) -> None:
    driver = world.driver()
    world.wait_for("started")
    time.sleep(0.5)
    guards = [pid for pid, command in world.alive().items() if "orphans.py guard" in command]
    assert len(guards) == 1
    for pid in [*guards, driver.pid]:
        os.kill(pid, signal.SIGKILL)
    driver.wait()
    time.sleep(0.3)
    left = set(world.alive())
    assert left, "the stubborn child was to survive this, or the test proves nothing"
    again = world.driver()
    world.wait_for("that an earlier run left behind")
    assert not left & set(world.alive())
    again.terminate()
    again.wait(120)
    world.assert_empty(seconds=0)


def test_a_crash_is_told_with_last_words_and_started_again(world: Toys) -> None:
    driver = world.driver()
    deadline = time.monotonic() + 120
    while world.said().count("crashing stopped with exit code 3") < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "starting it again in 0.1 s" in world.said()
    assert world.said().count("starting it again in 0.2 s") >= 2
    assert "about to fail" in world.said()
    driver.terminate()
    assert driver.wait(120) == 0


def test_a_killed_guard_is_replaced(world: Toys) -> None:
    driver = world.driver()
    world.wait_for("started")
    (first,) = [pid for pid, command in world.alive().items() if "orphans.py guard" in command]
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        guards = {pid for pid, command in world.alive().items() if "orphans.py guard" in command}
        if guards and first not in guards:
            break
        time.sleep(0.05)
    assert len(guards) == 1
    driver.kill()
    driver.wait()
    world.assert_empty(seconds=90)


def test_a_guard_that_starts_too_late_to_be_heard_cleans_up_all_the_same(world: Toys) -> None:
    driver = world.driver()
    world.wait_for("started")
    time.sleep(0.5)
    for pid in [*(pid for pid, command in world.alive().items() if "orphans.py guard" in command), driver.pid]:
        os.kill(pid, signal.SIGKILL)
    driver.wait()
    assert world.alive(), "the stubborn child was to survive this, or the test proves nothing"
    command = [sys.executable, "-I", "-S", orphans.__file__, "guard", str(world.folder / "run"), "1"]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert guard.stdin is not None and guard.stdout is not None
    guard.stdout.close()
    guard.stdin.close()
    assert guard.wait(90) == 0
    world.assert_empty(seconds=0)


def test_a_stranger_that_got_the_number_of_a_child_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        start = orphans.status(stranger.pid)
        assert start is not None
        (tmp_path / "web.pid").write_text(f"{stranger.pid} {start[0]} {orphans.boot_id()}")  # right time, no marker
        (tmp_path / "beat.pid").write_text("1 12345 another-boot")
        (tmp_path / "worker.pid").write_text("half a li")
        assert orphans.end(str(tmp_path)) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_marked_process_with_another_start_time_is_left_alone(tmp_path: Path) -> None:
    marked = os.environ | {orphans.MARKER: str(tmp_path)}
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True, env=marked)
    try:
        time.sleep(0.2)
        (tmp_path / "web.pid").write_text(f"{stranger.pid} 1 {orphans.boot_id()}")
        assert orphans.end(str(tmp_path)) == 0
        assert stranger.poll() is None
        start = orphans.status(stranger.pid)
        assert start is not None
        (tmp_path / "web.pid").write_text(f"{stranger.pid} {start[0]} {orphans.boot_id()}")
        assert orphans.end(str(tmp_path), grace=0.5) == 1
        assert stranger.wait(30) < 0
    finally:
        stranger.kill()
        stranger.wait()


def test_only_one_copy_runs_on_the_same_data(tmp_path: Path) -> None:
    first, second = OnlyCopy(tmp_path / "run" / "serve.lock"), OnlyCopy(tmp_path / "run" / "serve.lock")
    first.acquire()
    first.describe(pid=4711, url="http://localhost:8000")
    with pytest.raises(Refused, match=r"already running .* at http://localhost:8000 \(process 4711\).*make stop"):
        second.acquire()
    assert second.held_by_someone()
    first.release()
    assert not second.held_by_someone()
    second.acquire()
    second.release()


def test_a_port_in_use_is_one_sentence() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Refused, match=rf"port {port} .* in use; .*--port {port + 1}"):
            require_port("127.0.0.1", port, "--port", "the console")
    require_port("127.0.0.1", free_port(), "--port", "the console")
    with pytest.raises(Refused, match="cannot listen on 203.0.113.7"):
        require_port("203.0.113.7", free_port(), "--port", "the console")
