"""The Celery application: doorbells over Redis, nothing else.

A message says "there is a batch of work" and carries none; PostgreSQL is where work is claimed, renewed and
rescued. So there is no result backend, no late acknowledgement and no reliance on redelivery: a message
that is lost is rung again by the reconciler, one that comes twice finds nothing to claim.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Celery runs Django's checks at the start of a worker and ignores what they say; they would load every page
# and the API into it.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
# SIGTERM stays a warm shutdown: the work itself hears of it (`workers.shutdown`) and hands back what it has
# not begun within seconds. Celery's soft shutdown sleeps its whole time in the signal handler, which in a
# solo pool is the very thread that should be finishing.

from celery import Celery

app = Celery("earmark")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"], force=False)
app.set_default()
