"""Starts services, watches them, restarts what crashes, stops all of them. Knows nothing of Django or PayOS."""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from payos.supervisor import orphans

LOG_BYTES = 10 * 1024 * 1024
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_SECONDS = 60.0  # a service that lived this long starts over with the shortest pause


class Stop(BaseException):
    """Someone asked the supervisor to stop. Not an Exception: no handler on the way may swallow it."""


@dataclass(frozen=True)
class Service:
    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    stop_seconds: float = 10.0


class Log:
    """Drains one child's output into a bounded file and remembers the last lines for the report of a crash."""

    def __init__(self, path: Path, echo: Callable[[str], None] | None) -> None:
        self.path = path
        self.echo = echo
        self.last: collections.deque[str] = collections.deque(maxlen=12)

    def drain(self, stream: IO[bytes]) -> None:
        threading.Thread(target=self._drain, args=(stream,), daemon=True).start()

    def _drain(self, stream: IO[bytes]) -> None:
        with stream:
            for raw in iter(lambda: stream.readline(65536), b""):
                line = raw.decode(errors="replace").rstrip()
                if line:
                    self.last.append(line[:500])
                    if self.echo:
                        self.echo(line)
                try:
                    self._write(raw)
                except OSError:
                    pass  # a full disk must not block the child: its output is dropped, it goes on

    def _write(self, raw: bytes) -> None:
        if self.path.exists() and self.path.stat().st_size > LOG_BYTES:
            self.path.replace(self.path.with_suffix(".log.1"))
        with self.path.open("ab") as file:
            file.write(raw)


class Child:
    def __init__(self, service: Service, log: Log) -> None:
        self.service = service
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.crashes = 0
        self.start_again_at = 0.0
        self.ready = True  # one that has not answered yet has nothing to finish, and little patience is due

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    def __init__(
        self,
        folder: Path,
        logs: Path,
        say: Callable[[str], None],
        *,
        echo: Callable[[str, str], None] | None = None,
        pauses: Sequence[float] = PAUSES,
        grace: float = orphans.GRACE,
    ) -> None:
        self.folder = folder.absolute()
        self.logs = logs
        self.say = say
        self.echo = echo
        self.pauses = pauses
        self.grace = grace
        self.children: list[Child] = []
        self.guard: subprocess.Popen[bytes] | None = None
        self.hurry = False
        self.stopping = False
        self._shielded = False
        self._asked = False

    # -- being asked to stop

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _: Any) -> None:
        if self.stopping:
            self.hurry = True
        elif self._shielded:
            self._asked = True
        else:
            raise Stop

    @contextmanager
    def _shield(self) -> Iterator[None]:
        """A request to stop waits until the block is through, so that no child is started and then forgotten."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if self._asked:
            self._asked = False
            raise Stop

    # -- starting

    def prepare(self) -> None:
        """Clear what an earlier run left, and start the guard. The caller holds the lock of the whole copy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        self._wait_for_old_guard()
        count = orphans.end(str(self.folder), self.grace)
        if count:
            self.say(f"Ended {count} processes that an earlier run left behind")
        with self._shield():
            self._start_guard()

    def _wait_for_old_guard(self) -> None:
        import fcntl

        descriptor = os.open(self.folder / "guard.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + self.grace + 12
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return
                    time.sleep(0.05)
        finally:
            os.close(descriptor)

    def _start_guard(self) -> None:
        self.guard = subprocess.Popen(
            [sys.executable, "-I", "-S", orphans.__file__, "guard", str(self.folder), str(self.grace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        assert self.guard.stdout is not None
        self.guard.stdout.read(1)

    def start(self, service: Service) -> Child:
        show = self.echo
        echo = (lambda line: show(service.name, line)) if show else None
        child = Child(service, Log(self.logs / f"{service.name}.log", echo))
        self.children.append(child)
        self._spawn(child)
        return child

    def _spawn(self, child: Child) -> None:
        service = child.service
        with self._shield():
            child.process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    orphans.__file__,
                    "child",
                    str(self.folder),
                    service.name,
                    str(os.getpid()),
                    "--",
                    *service.command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | service.environment,
            )
            child.started = time.monotonic()
            assert child.process.stdout is not None
            child.log.drain(child.process.stdout)

    # -- watching

    def watch(self, also: Callable[[], None] | None = None) -> None:
        """Until someone asks to stop. `also` is called about once a second, for what the caller looks after."""
        next_call = 0.0
        while True:
            self.tick()
            if also and time.monotonic() >= next_call:
                also()
                next_call = time.monotonic() + 1.0
            time.sleep(0.1)

    def tick(self) -> None:
        if self.guard is not None and self.guard.poll() is not None:
            with self._shield():
                self._start_guard()
        for child in self.children:
            if child.alive:
                continue
            if child.process is not None:
                self._report(child)
            elif time.monotonic() >= child.start_again_at:
                self._spawn(child)

    def _report(self, child: Child) -> None:
        assert child.process is not None
        if time.monotonic() - child.started > STEADY_SECONDS:
            child.crashes = 0
        pause = self.pauses[min(child.crashes, len(self.pauses) - 1)]
        child.crashes += 1
        self.say(f"{child.service.name} {ending(child.process.returncode)}; starting it again in {pause:g} s. It said last:")
        for line in list(child.log.last)[-5:] or ["(nothing)"]:
            self.say(f"    {line}")
        # What it started itself must not live on beside its successor.
        self._end_session(child.process.pid)
        child.process = None
        child.start_again_at = time.monotonic() + pause

    def _end_session(self, pid: int) -> None:
        sessions = {number: start for number, start in orphans.noted(str(self.folder)).items() if number == pid}
        deadline = time.monotonic() + 5
        while (alive := orphans.leftovers(str(self.folder), sessions)) and time.monotonic() < deadline:
            orphans.send(alive, signal.SIGKILL)
            time.sleep(0.02)

    # -- stopping

    def stop(self) -> None:
        """The last started first. A second request to stop, or patience at its end, kills."""
        self.stopping = True
        for child in reversed(self.children):
            if child.process is None:
                continue
            if child.alive:
                child.process.terminate()
                deadline = time.monotonic() + (child.service.stop_seconds if child.ready else 1.0)
                while child.alive and time.monotonic() < deadline and not self.hurry:
                    time.sleep(0.02)
                if child.alive and child.ready and not self.hurry:
                    self.say(f"{child.service.name} did not stop within {child.service.stop_seconds:g} s; killing it")
            self._end_session(child.process.pid)
            if child.alive:
                child.process.kill()
            child.process.wait()
        orphans.end(str(self.folder), grace=0 if self.hurry else 2)
        if self.guard is not None and self.guard.stdin is not None:
            try:
                self.guard.stdin.write(b"done")
                self.guard.stdin.close()
                self.guard.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                self.guard.kill()
                self.guard.wait()


def ending(code: int) -> str:
    if code >= 0:
        return f"stopped with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
