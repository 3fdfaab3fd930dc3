"""Asks the web server of this container whether it is alive. Exit 0 or 1. Standard library only, so that it is cheap."""

import os
import sys
import urllib.request

hosts = [host.strip().lstrip(".") for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host.strip()]
host = "localhost" if not hosts or hosts[0] == "*" else hosts[0]
request = urllib.request.Request("http://127.0.0.1:8000/healthz", headers={"Host": host})
try:
    with urllib.request.urlopen(request, timeout=4) as answer:
        sys.exit(0 if answer.status == 200 else 1)
except OSError as error:
    print(error)
    sys.exit(1)
