"""Who may come near the admin: networks that were named, and people with a second factor if one is wanted."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from annotation.middleware import BothWays, address_of

SecondFactor = Callable[[HttpRequest], HttpResponseBase | None]


class AdminGate(BothWays):
    """Hide the admin, its login among it, from other networks, and send staff to their second factor.

    Stands after the session. The second factor is a function of yours, option `admin_second_factor`: it is
    called before each page of the admin that a person who is logged in opens, except the one that logs out,
    and returns None where the person has shown it, otherwise the response that asks for it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        self.networks: list[IPv4Network | IPv6Network] = [ip_network(one) for one in settings.ADMIN_NETWORKS]
        wanted: str = settings.ADMIN_SECOND_FACTOR
        self.second_factor: SecondFactor | None = import_string(wanted) if wanted else None

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Refuse as if there were no admin, or ask for the second factor."""
        match = request.resolver_match
        if match is None or match.app_name != "admin":
            return None
        if not self._is_near(address_of(request)):
            raise Http404("There is no such page.")
        if self.second_factor is None or match.url_name == "logout" or not request.user.is_authenticated:
            return None
        return self.second_factor(request)

    def _is_near(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self.networks)
