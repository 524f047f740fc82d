"""Django admin: who may do what, what happened, and what people decided about texts.

Supervisors look at everything here and change nothing but through services: a verdict, a lock, a text put
back.
"""

from annotation.admin import access, audit, corrections, people, records, review, samples, workers

__all__ = ["access", "audit", "corrections", "people", "records", "review", "samples", "workers"]
