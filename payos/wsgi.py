"""WSGI entry point of the web server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payos.settings")
_django = get_wsgi_application()

from payos.fastlane import FastLane  # noqa: E402  needs the apps, which are ready now

application = FastLane(_django)
