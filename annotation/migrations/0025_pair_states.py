"""Forget a state of pairs that none was ever in: given up. What nobody else reads is settled with one text."""

from django.db import migrations, models
from django.db.models import Q

STATES = (
    ("reading", "Being read"),
    ("agreed", "Agreed"),
    ("disputed", "In dispute"),
    ("settled", "Settled"),
)


class Migration(migrations.Migration):
    """Narrow the states, and the rules that named them."""

    dependencies = (("annotation", "0024_uploads_for_imports"),)
    operations = (
        migrations.RemoveConstraint(model_name="pair", name="pair_state_known"),
        migrations.RemoveConstraint(model_name="pair", name="pair_ends_in_a_revision"),
        migrations.AlterField(
            model_name="pair",
            name="state",
            field=models.CharField(choices=STATES, default="reading", max_length=12),
        ),
        migrations.AddConstraint(
            model_name="pair",
            constraint=models.CheckConstraint(
                condition=Q(state__in=[name for name, _ in STATES]), name="pair_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="pair",
            constraint=models.CheckConstraint(
                condition=Q(state__in=("reading", "disputed")) | Q(revision__isnull=False),
                name="pair_ends_in_a_revision",
            ),
        ),
    )
