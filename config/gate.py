"""Who may come near the admin: networks that were named, and people with a second factor if one is wanted."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from annotation.middleware import BothWays, address_of

Ask = Callable[[HttpRequest], HttpResponseBase | None]


class AdminGate(BothWays):
    """Hide the admin, its login among it, from other networks: for them the site has no such addresses.

    Stands before whatever looks an address up or answers in its place: a redirect to the one with a slash,
    or a refused form, would say that there is something.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        self.networks: list[IPv4Network | IPv6Network] = [ip_network(one) for one in settings.ADMIN_NETWORKS]

    def before(self, request: HttpRequest) -> None:
        """Let requests from elsewhere find the addresses of the site without those of the admin."""
        if not self._is_near(address_of(request)):
            request.urlconf = "config.urls_without_admin"

    def _is_near(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self.networks)


class SecondFactor(BothWays):
    """Send staff to their second factor before they come to a page of the admin.

    Stands after the session. It is a function of yours, option `admin_second_factor`: it is called before
    each page of the admin that a person who is logged in opens, except the one that logs out, and returns
    None where the person has shown it, otherwise the response that asks for it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        wanted: str = settings.ADMIN_SECOND_FACTOR
        self.ask: Ask | None = import_string(wanted) if wanted else None

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Ask for the second factor."""
        match = request.resolver_match
        if self.ask is None or match is None or match.app_name != "admin":
            return None
        if match.url_name == "logout" or not request.user.is_authenticated:
            return None
        return self.ask(request)
