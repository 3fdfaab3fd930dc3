"""The process that owns the embedded servers: `python -m payos.embedded.keeper HOME`.

It starts them, writes where they are, restarts one that dies, and leaves when nobody has used them for a while.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from payos.embedded.home import EmbeddedError, Home
from payos.embedded.postgres import Postgres
from payos.embedded.valkey import Valkey

IDLE_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


def follow(death_signal: int) -> Callable[[], None]:
    """For preexec_fn: be signalled when the keeper dies, and sit in a group that Ctrl-C does not reach."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def prepare() -> None:
        os.setpgid(0, 0)
        if sys.platform.startswith("linux"):
            libc.prctl(PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


class Keeper:
    def __init__(self, home: Home) -> None:
        self.home = home
        self.stopping = False
        self.postgres = Postgres(home, follow)
        self.valkey = Valkey(home, follow)

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        try:
            passwords = self.home.passwords()
            self.valkey.start(passwords)
            self.postgres.start(passwords)
            self._write(passwords)
            self._watch(passwords)
        finally:
            self.home.file("endpoints.json").unlink(missing_ok=True)
            self.valkey.stop()
            self.postgres.stop()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _write(self, passwords: dict[str, str]) -> None:
        target = self.home.file("endpoints.json")
        partial = target.with_suffix(".new")
        partial.touch(mode=0o600)
        partial.write_text(
            json.dumps(
                {
                    "keeper_pid": os.getpid(),
                    "socket_folder": str(self.postgres.socket_folder),
                    "port": self.postgres.port,
                    "valkey_port": self.valkey.port,
                    "postgres_pid": self.postgres.pid,
                    "valkey_pid": self.valkey.pid,
                    "passwords": passwords,
                }
            )
        )
        partial.replace(target)

    def _watch(self, passwords: dict[str, str]) -> None:
        idle_since = time.monotonic()
        while not self.stopping:
            time.sleep(0.2)
            for server in (self.postgres, self.valkey):
                if not server.alive() and not self.stopping:
                    print(f"{type(server).__name__} died; starting it again", flush=True)
                    server.start(passwords)
                    self._write(passwords)
            with self.home.lock("users.lock", wait=False) as unused:
                if not unused:
                    idle_since = time.monotonic()
            if time.monotonic() - idle_since > IDLE_SECONDS:
                return


def main() -> int:
    home = Home(Path(sys.argv[1]))
    with home.lock("keeper.lock", wait=False) as won:
        if not won:
            return 0
        try:
            Keeper(home).run()
        except EmbeddedError as error:
            home.file("keeper.error").write_text(str(error))
            print(error, flush=True)
            return 1
        except Exception as error:  # noqa: BLE001  the keeper reports whatever stopped it
            traceback.print_exc()
            home.file("keeper.error").write_text(f"the embedded servers failed ({error}); see {home.file('keeper.log')}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
