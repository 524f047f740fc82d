"""The site's settings without the line that gives the admin its skin."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _WITH_SKIN

INSTALLED_APPS = [app for app in _WITH_SKIN if app != "unfold"]
