"""`manage.py deliver_webhooks`: a delivery worker in the foreground. Start as many as there are cores for it."""

from __future__ import annotations

import asyncio
import resource
import signal
from typing import Any

from django.core.management.base import BaseCommand

from webhooks.worker import ACTIVE, CEILING, Worker


class Command(BaseCommand):
    help = "Deliver webhooks until SIGTERM; what is under way then is finished first. Several may run at once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--active", type=int, default=ACTIVE, help="requests under way that answer in time")
        parser.add_argument("--until-idle", action="store_true", help="stop when nothing is due")

    def handle(self, *args: Any, **options: Any) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = CEILING + 512
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted, hard))
        worker = Worker(active=options["active"])

        async def run() -> int:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, worker.stop)
            return await worker.run(until_idle=options["until_idle"])

        sent = asyncio.run(run())
        self.stderr.write(f"{sent} requests were made.")
