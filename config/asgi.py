"""The web process: `uvicorn config.asgi:application`."""

import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# The web process answers many people at once; others connect for one thing at a time.
os.environ.setdefault("EARMARK_DATABASE_POOL_SIZE", "8")

from django.core.asgi import get_asgi_application

from annotation.api.body_limit import Application, BodyLimit

application = BodyLimit(cast(Application, get_asgi_application()))
