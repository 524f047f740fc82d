"""Django admin: who may do what, and what happened. Work on recordings and texts is done on the pages."""

from annotation.admin import audit, people, records

__all__ = ["audit", "people", "records"]
