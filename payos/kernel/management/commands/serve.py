"""Run the whole product on this machine, in the foreground: `make run`. Ctrl-C or SIGTERM stops all of it."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from payos.embedded.home import EmbeddedError, Home
from payos.supervisor import console, orphans, preflight, prepared, services
from payos.supervisor.preflight import OnlyCopy, Refused
from payos.supervisor.supervisor import Child, Stop, Supervisor

WEB_SECONDS = 240.0  # a busy machine; a server that crashes is told at once


class Command(BaseCommand):
    help = "Run PayOS: the database and cache if they are embedded, web server, worker, clock and sandbox bank."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to answer on")
        parser.add_argument("--port", type=int, default=8000, help="the port of console and API")
        parser.add_argument("--sandbox-port", type=int, default=8900, help="the port of the sandbox bank")
        parser.add_argument("--workers", type=int, default=1, help="web server processes")
        parser.add_argument("--concurrency", type=int, default=2, help="tasks that run at the same time")
        parser.add_argument("--logs", action="store_true", help="show what every process writes, not only its crashes")
        parser.add_argument("--no-demo", action="store_true", help="do not make demo data")
        parser.add_argument("--with-parent", action="store_true", help="stop when the process that started this ends")
        parser.add_argument("--stop", action="store_true", help="stop the copy that runs on this data, and wait for it")

    def handle(self, *args: Any, **options: Any) -> None:
        self.home = Path(settings.PAYOS_HOME).absolute()
        self.only = OnlyCopy(self.home / "run" / "serve.lock")
        if options["stop"]:
            return self._stop_other()
        if options["with_parent"]:
            orphans.die_with_parent(os.getppid())
        os.chdir(settings.BASE_DIR)
        self.began = time.monotonic()
        self.supervisor = Supervisor(
            self.home / "run" / "serve",
            self.home / "log",
            self._say,
            echo=(lambda name, line: self._print(f"{name:>8} | {line}")) if options["logs"] else None,
        )
        self.supervisor.listen()
        code = 0
        try:
            self._run(options)
        except Stop:
            self._say("Stopping ...")
        except (Refused, EmbeddedError) as error:
            print(f"payos: {error}", file=sys.stderr, flush=True)
            code = 2
        finally:
            self._wind_up()
        if code:
            sys.exit(code)

    def _run(self, options: dict[str, Any]) -> None:
        Home(self.home).prepare()
        self.only.acquire()
        self.supervisor.prepare()
        preflight.require_port(options["host"], options["port"], "--port", "the console")
        bank = services.sandbox(options["sandbox_port"], self.home / "sandbox", options["port"])
        if bank:
            preflight.require_port("127.0.0.1", options["sandbox_port"], "--sandbox-port", "the sandbox bank")
        host = options["host"]
        shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # nosec B104 # compared with, never bound to
        self.url = f"http://{shown}:{options['port']}"
        self.only.describe(pid=os.getpid(), url=self.url)
        os.environ.setdefault("PUBLIC_URL", self.url)
        if bank:
            # For the children, and for the demo data that this process makes.
            os.environ["SANDBOX_URL"] = settings.SANDBOX_URL = f"http://127.0.0.1:{options['sandbox_port']}"
        self._database(options)
        if bank:
            self.supervisor.start(bank)
        self._say("Starting the web server, the worker and the clock ...")
        web = self.supervisor.start(services.web(host, options["port"], options["workers"], self.home / "run" / "counters"))
        self._await_web(web, host, options["port"])
        self.supervisor.start(services.worker(options["concurrency"]))
        self.supervisor.start(services.beat())
        took = time.monotonic() - self.began
        self._print(console.block(self.url, self.home, seconds=took, sandbox=bool(bank), sandbox_port=options["sandbox_port"]))
        self.supervisor.watch(self._look_after_servers)

    def _database(self, options: dict[str, Any]) -> None:
        from django.db import DatabaseError, connections

        if settings.EMBEDDED:
            from payos import embedded

            fresh = not (self.home / "postgres").exists()
            self._say("Making a PostgreSQL and a Valkey of its own ..." if fresh else "Starting PostgreSQL and Valkey ...")
            embedded.ensure_from_environment()
        with_demo = settings.EMBEDDED and not options["no_demo"]
        facts = {"with_demo": with_demo, "bank": settings.SANDBOX_URL}
        try:
            if settings.EMBEDDED and prepared.known(self.home, **facts):
                return
            self._say("Bringing the database up to date ...")
            call_command("migrate", verbosity=0, interactive=False)
            if with_demo:
                self._say("Making demo data where there are none ...")
                call_command("seed_demo", verbosity=0, stdout=io.StringIO())  # the block at the end says it
            if not settings.EMBEDDED:
                self._say("Collecting static files ...")
                call_command("collectstatic", verbosity=0, interactive=False)
            else:
                prepared.remember(self.home, **facts)
        except CommandError as error:
            raise Refused(str(error)) from error
        except DatabaseError as error:
            where = self.home if settings.EMBEDDED else "DATABASE_URL"
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise Refused(
                f"the database in {where} could not be brought up to date ({reason}); if the data are of no use, remove "
                "the folder, else restore a backup"
                if settings.EMBEDDED
                else f"the database of DATABASE_URL could not be brought up to date ({reason}); check the server and its roles"
            ) from error
        finally:
            connections.close_all()

    def _await_web(self, web: Child, host: str, port: int) -> None:
        deadline = time.monotonic() + WEB_SECONDS
        web.ready = False
        while time.monotonic() < deadline:
            self.supervisor.tick()
            if web.crashes >= 3:
                raise Refused(f"the web server does not start; its last words are above and in {web.log.path}")
            if web.alive and console.answers(host, port):
                web.ready = True
                return
            time.sleep(0.05)
        raise Refused(f"the web server did not answer within {WEB_SECONDS:.0f} s; see {web.log.path}")

    def _look_after_servers(self) -> None:
        """The embedded servers come back when someone killed them; their users reconnect by themselves."""
        if settings.EMBEDDED:
            from payos import embedded

            try:
                embedded.ensure_from_environment()
            except EmbeddedError as error:
                self._say(f"{error}. Trying again.")
                time.sleep(2)

    def _wind_up(self) -> None:
        from django.db import connections

        self.supervisor.stop()
        connections.close_all()
        if settings.EMBEDDED and (self.home / "run").is_dir():
            from payos import embedded

            try:
                embedded.stop(self.home)
            except OSError as error:
                self._say(f"The embedded servers could not be told to stop ({error}); they leave by themselves.")
        if self.only._descriptor is not None:
            self._say("Everything has stopped.")
        self.only.release()

    def _stop_other(self) -> None:
        if not self.only.held_by_someone():
            return
        pid = self.only.holder().get("pid")
        if not pid:
            raise SystemExit("payos: a copy is just starting or ending; try again in a moment")
        self._print(f"  Stopping the copy that runs as process {pid} ...")
        os.kill(int(pid), signal.SIGTERM)
        deadline = time.monotonic() + 60
        while self.only.held_by_someone() and time.monotonic() < deadline:
            time.sleep(0.1)

    def _say(self, sentence: str) -> None:
        began = getattr(self, "began", time.monotonic())
        self._print(f"  [{time.monotonic() - began:5.1f} s] {sentence}")

    def _print(self, text: str) -> None:
        try:
            print(text, flush=True)
        except OSError:
            # The terminal is gone or its disk is full: going on matters more than being read.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
