"""Samples of corrections: how many rows tell a share, which ones they are, and what was found on them."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Count, Func, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Concat

from annotation.errors import Invalid
from annotation.models import AuditSample, Correction, SampledDecision, User
from annotation.quality.intervals import Interval, Z, wilson
from annotation.services.corrections import verdicts_after
from annotation.states import Verdict

MARGINS: Final = (0.01, 0.2)
"""Least and most that may be asked for; one per cent takes up to 9,604 rows."""
SEEDS: Final = 2**31


@dataclass(frozen=True, slots=True)
class Outcome:
    """Count the first verdicts that the rows of a sample got after they were made."""

    size: int
    accepted: int
    fixed: int
    returned: int

    @property
    def judged(self) -> int:
        """Return how many have a verdict."""
        return self.accepted + self.fixed + self.returned

    @property
    def returned_share(self) -> Interval | None:
        """Return the share of judged rows that went back, with its 95 % interval; None before any verdict."""
        return wilson(self.returned, self.judged) if self.judged else None

    @property
    def faulty_share(self) -> Interval | None:
        """Return the share of judged rows that were not accepted as they stood: returned, or fixed."""
        return wilson(self.returned + self.fixed, self.judged) if self.judged else None


def outcome(sample: AuditSample) -> Outcome:
    """Return what reviewers and supervisors found on the rows of a sample until now."""
    first = Subquery(verdicts_after().order_by("pk").values("verdict")[:1])
    rows = Correction.objects.filter(samples=sample).order_by().annotate(first=first)
    found: dict[str | None, int] = dict(rows.values_list("first").annotate(Count("pk")))
    accepted, fixed, returned = (
        found.get(verdict, 0) for verdict in (Verdict.ACCEPT, Verdict.FIX, Verdict.RETURN)
    )
    return Outcome(sample.size, accepted, fixed, returned)


def sample_size(population: int, margin: float) -> int:
    """Return how many of `population` rows tell a share to ± `margin` in 95 of 100 samples, at worst.

    Cochran's formula with the correction for finite populations: 385 of very many for five per cent.
    """
    low, high = MARGINS
    if not low <= margin <= high:
        raise Invalid(f"The margin lies between {low:.0%} and {high:.0%}.", margin=f"{low} to {high}")
    if population < 1:
        return 0
    endless = Z**2 * 0.25 / margin**2
    return min(population, math.ceil(endless / (1 + (endless - 1) / population)))


def draw(
    *,
    user: User,
    among: QuerySet[Correction],
    margin: float = 0.05,
    filters: str = "",
    seed: int | None = None,
) -> AuditSample:
    """Draw a random sample of corrections, large enough for ± `margin`, and keep it.

    The rows are those whose md5 of `seed:id` is smallest, so that anybody can draw the same again.
    """
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    with transaction.atomic():
        rows = among.order_by()
        population = rows.count()
        size = sample_size(population, margin)
        if not size:
            raise Invalid("There is nothing to draw from.", filters="at least one correction")
        lot = Func(Concat(Value(f"{chosen}:"), Cast("pk", TextField())), function="md5")
        drawn = list(rows.order_by(lot, "pk").values_list("pk", flat=True)[:size])
        sample = AuditSample.objects.create(
            drawn_by=user,
            filters=filters[:1000],
            seed=chosen,
            margin=margin,
            population=population,
            size=size,
        )
        SampledDecision.objects.bulk_create(
            [SampledDecision(sample=sample, decision_id=pk) for pk in drawn], batch_size=1000
        )
    return sample
