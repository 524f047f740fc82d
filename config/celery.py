"""The Celery application: doorbells over Redis, nothing else.

A message says "there is a batch of work" and carries none; PostgreSQL is where work is claimed, renewed and
rescued. So there is no result backend, no late acknowledgement and no reliance on redelivery: a message that is
lost is rung again by the reconciler, one that comes twice finds nothing to claim.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# A doorbell that is running when SIGTERM comes has `worker_soft_shutdown_timeout` to finish its batch.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

from celery import Celery

app = Celery("earmark")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"], force=False)
app.set_default()
