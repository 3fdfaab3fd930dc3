"""WSGI entry point of the web server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payos.settings")
_django = get_wsgi_application()

from payos.fastlane import FastLane  # noqa: E402  needs the apps, which are ready now

application = FastLane(_django)

# What is loaded by now stays: a full collection would walk all of it, a tenth of a second in the middle of a request.
gc.collect()
gc.freeze()
