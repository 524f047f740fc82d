"""Argon2id at the cost OWASP names for servers: strong enough, and fifty logins at once still fit in memory.

Django's own default takes 100 MiB and 0.9 s a login on a two-core machine; a burst of
logins would then be an outage.
"""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2idHasher(Argon2PasswordHasher):
    """Hash passwords with Argon2id, m = 19 456 KiB, t = 2, p = 1 (OWASP Password Storage Cheat Sheet)."""

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
