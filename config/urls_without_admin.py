"""Every address of the site for those who shall find no admin, see `config.gate`."""

from config.urls import handler500
from config.urls import without_admin as urlpatterns

__all__ = ["handler500", "urlpatterns"]
