"""`python -m settlement.chaos.nursery`: reads names on standard input, forks a child for each and answers its process id.

The application is imported before the first fork and no connection is open then, so that a child starts in a moment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payos.settings")
    import django

    django.setup()
    import celery.bin.beat
    import celery.bin.worker  # noqa: F401  imported once, here
    from django.db import connections

    from payos import wsgi  # noqa: F401
    from payos.celery import app

    app.loader.import_default_modules()
    connections.close_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's zombies
    for line in sys.stdin:
        name = line.strip()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(name, parent)
            os._exit(0)
        print(pid, flush=True)


def _become(name: str, parent: int) -> None:
    os.setsid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(Path(os.environ["CHAOS_LOGS"]) / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    from payos.celery import app

    if name.startswith("worker"):
        queues = "settlement" if name.startswith("worker-settlement") else "default,webhooks"
        app.worker_main(
            ["worker", "--pool", "solo", "--queues", queues, "--hostname", f"{name}@chaos", "--without-gossip", "--without-mingle",
             "--loglevel", "WARNING"]
        )  # fmt: skip
    elif name == "beat":
        app.start(["beat", "--pidfile=", "--loglevel", "WARNING"])
    elif name == "web":
        _serve(int(os.environ["CHAOS_WEB_PORT"]))


def _serve(port: int) -> None:
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    from payos.wsgi import application

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 128

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            """The application logs requests itself."""

    deadline = time.monotonic() + 20
    while True:
        try:
            server = make_server("127.0.0.1", port, application, Server, Quiet)
            break
        except OSError:  # the port of a process that was just killed may take a moment to be free
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    server.serve_forever()


if __name__ == "__main__":
    main()
