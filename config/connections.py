"""Addresses of PostgreSQL and Redis, configured or embedded, in the forms the libraries want."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from config.embedded.places import Places
from config.options import Options
from config.secrets import Secrets

DATABASE = "earmark"
ROLES = {"default": "earmark_app", "owner": "earmark_owner", "readonly": "earmark_readonly"}


class ConnectionsError(Exception):
    """Say which address cannot be understood."""


def database_params(alias: str, options: Options, secrets: Secrets, places: Places) -> dict[str, Any]:
    """Return libpq parameters for the database alias `default`, `owner` or `readonly`."""
    if options.embedded_postgres:
        password = {
            "default": secrets.app_password,
            "owner": secrets.owner_password,
            "readonly": secrets.readonly_password,
        }[alias]
        return {"dbname": DATABASE, "user": ROLES[alias], "password": password, "host": str(places.pg_run)}
    url, password = {
        "default": (options.database_url, options.database_password),
        "owner": (options.database_owner_url, options.database_owner_password),
        "readonly": (options.database_readonly_url, options.database_readonly_password),
    }[alias]
    if not url:
        url, password = options.database_url, options.database_password
    try:
        params = dict(conninfo_to_dict(url))
    except ProgrammingError as error:
        raise ConnectionsError(f"the database address for `{alias}` cannot be read: {error}") from None
    if password:
        params["password"] = password
    params.setdefault("dbname", DATABASE)
    return params


def django_database(params: dict[str, Any]) -> dict[str, Any]:
    """Return Django's form of libpq parameters; what Django has no key for goes to OPTIONS."""
    rest = dict(params)
    known = {
        "NAME": rest.pop("dbname", ""),
        "USER": rest.pop("user", ""),
        "PASSWORD": rest.pop("password", ""),
        "HOST": rest.pop("host", ""),
        "PORT": str(rest.pop("port", "")),
    }
    return {**known, "OPTIONS": rest}


def redis_url(options: Options, secrets: Secrets, places: Places) -> str:
    """Return the address of Redis as redis-py reads it."""
    if options.embedded_redis:
        return f"unix://:{secrets.redis_password}@{quote(str(places.redis_socket))}?db=0"
    if not options.redis_password:
        return options.redis_url
    parts = urlsplit(options.redis_url)
    user = parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(options.redis_password, safe='')}@{host}"))


def broker_url(url: str) -> str:
    """Return a Redis address as kombu reads it: a socket has another scheme and another parameter there."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = next((v for k, _, v in (p.partition("=") for p in parts.query.split("&")) if k == "db"), "0")
    return urlunsplit(parts._replace(scheme="redis+socket", query=f"virtual_host={database}"))
