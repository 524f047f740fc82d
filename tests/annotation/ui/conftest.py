"""Browsers without scripts, signed in as the people of the cast."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

if TYPE_CHECKING:
    from tests.personas import Cast  # models can be imported only once Django is set up

SignedIn = Callable[[str], Client]


@pytest.fixture
def signed_in(cast: Cast) -> SignedIn:
    """Return a function that signs a person of the cast in: `signed_in("annotator")`."""

    def sign_in(name: str) -> Client:
        client = Client()
        client.force_login(cast.named(name), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


def words_of(response: Any) -> str:
    """Return a page as text."""
    return str(response.content.decode())
