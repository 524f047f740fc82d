"""What other apps put into the admin about logins: taken out, or made to be looked at only.

The API's tokens are gone from it altogether. Their page would make one for any account and print it, so
whoever has the right to add tokens could act as a superuser. People make their own under their name;
switching an account off ends all of its tokens.
"""

from __future__ import annotations

import axes.admin  # noqa: F401 - registers what is taken out below
import knox.admin  # noqa: F401 - the same
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from knox.models import AuthToken

from annotation.admin.readonly import ReadOnly

for model in (AuthToken, AccessAttempt, AccessFailureLog, AccessLog):
    admin.site.unregister(model)


@admin.register(AccessAttempt)
class AttemptAdmin(ReadOnly):
    """Show failed logins. A lock ends by itself, or by `manage.py axes_reset`."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info")
    fields = ("attempt_time", "username", "ip_address", "user_agent", "failures_since_start", "path_info")
    search_fields = ("username__exact", "ip_address__exact")
    ordering = ("-id",)
