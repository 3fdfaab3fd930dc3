"""Start the sandbox bank: `python -m sandbox --port 8090 --data DIR [--webhook-url URL --webhook-secret S] [--seed N]`."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import os
import signal
import sys
from pathlib import Path

from sandbox.api import Api
from sandbox.bank import Bank
from sandbox.books import Books
from sandbox.faults import Faults
from sandbox.http import Connection
from sandbox.inbox import Folders
from sandbox.statements import FORMATS
from sandbox.webhooks import Sender

DEFAULT_KEY, DEFAULT_SECRET = "sandbox-key", "sandbox-secret"
TICK, FOLDER_TICK = 0.01, 0.25
PR_SET_PDEATHSIG = 1


def log(text: str) -> None:
    print(f"sandbox: {text}", file=sys.stderr, flush=True)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A bank in a box, for tests and trying things out.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one; it is printed and written to DIR/port")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the bank's books, inbox and outbox")
    parser.add_argument("--key", default=os.environ.get("SANDBOX_KEY", DEFAULT_KEY))
    parser.add_argument("--webhook-url", default="")
    parser.add_argument("--webhook-secret", default="", help=f"plain, or whsec_ and base64; {DEFAULT_SECRET} when not given")
    parser.add_argument("--webhook-retry-base", type=float, default=1.0, help="seconds that the retry schedule multiplies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settlement-seconds", type=float, default=0.2)
    parser.add_argument(
        "--sftp-port", type=int, help="serve the folders over SFTP too (needs asyncssh); 0 takes a free one, written to DIR/sftp_port"
    )
    parser.add_argument(
        "--daily-statements", default="", metavar="FORMATS", help="print these at the end of each day, such as bai2,camt053"
    )
    parser.add_argument(
        "--parent", type=int, metavar="PID", help="the process that starts it: when that one ends, however it ends, so does the bank"
    )
    options = parser.parse_args(argv)
    options.daily = [form for form in options.daily_statements.split(",") if form]
    if unknown := set(options.daily) - set(FORMATS):
        parser.error(f"--daily-statements: {', '.join(sorted(unknown))} unknown; use {', '.join(FORMATS)}")
    return options


async def _every(seconds: float, work: object) -> None:
    while True:
        try:
            busy = work()  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 - the loop must outlive one bad file or row; what failed is still due and is logged
            log(f"background work failed and will be tried again: {error!r}")
            busy = 0
            await asyncio.sleep(1)
        await asyncio.sleep(0 if busy else seconds)


async def serve(options: argparse.Namespace) -> None:
    books = Books(options.data)
    bank = Bank(books, Faults().merged({"seed": options.seed, "settlement_seconds": options.settlement_seconds}))
    folders = Folders(bank, options.data, log, options.daily)
    url = options.webhook_url or books.setting("webhook_url")
    secret = options.webhook_secret or books.setting("webhook_secret") or DEFAULT_SECRET
    sender = Sender(books, url, secret, options.webhook_retry_base, log)
    api = Api(bank, folders, sender, options.key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(api, log), options.host, options.port, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    if options.sftp_port is not None:
        from sandbox.sftp import serve_folders

        files = await serve_folders(folders.root, options.data, options.host, options.sftp_port, options.key)
        (options.data / "sftp_port").write_text(str(files))
    (options.data / "port").write_text(str(port))
    print(f"sandbox bank on http://{options.host}:{port}, books in {options.data}", flush=True)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    tasks = [
        asyncio.create_task(_every(TICK, bank.work)),
        asyncio.create_task(_every(FOLDER_TICK, folders.work)),
        asyncio.create_task(sender.run()),
    ]
    await stop.wait()
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    books.close()


def end_with(parent: int) -> None:
    """Ask the kernel to end this process together with its parent; leave at once if that one has ended already."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(f"process {parent}, which started the bank, is gone")


def main() -> None:
    options = arguments()
    if options.parent is not None:
        end_with(options.parent)
    gc.freeze()
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
