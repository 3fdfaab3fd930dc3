"""Processes started by a test, each marked with one random token, so that a survivor is found whoever its parent is."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class World:
    def __init__(self, folder: Path) -> None:
        self.token = uuid.uuid4().hex
        self.folder = folder
        self.environment = os.environ | {"ORPHAN_TEST": self.token, "PYTHONPATH": str(ROOT)}

    def start(self, *command: str, log: str = "driver.log", **extra: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT, env=self.environment | extra, start_new_session=True)

    def said(self, log: str = "driver.log") -> str:
        return (self.folder / log).read_text()

    def wait_for(self, text: str, log: str = "driver.log", seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said(log):
            assert time.monotonic() < deadline, f"never said {text!r}, but: {self.said(log)}"
            time.sleep(0.02)

    def alive(self) -> dict[int, str]:
        needle = f"ORPHAN_TEST={self.token}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if needle not in (entry / "environ").read_bytes():
                    continue
                if (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                    continue
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:150]
            except (OSError, ValueError):
                continue
        return found

    def wait_until_alive(self, count: int) -> None:
        deadline = time.monotonic() + 120
        while len(self.alive()) < count:
            assert time.monotonic() < deadline, f"only these run: {self.alive()}"
            time.sleep(0.02)

    def assert_empty(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left, f"left behind: {left}"

    def end(self) -> None:
        for pid in self.alive():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
