"""Keep whom a row of an import asks for."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the assignee of a row."""

    dependencies = (("annotation", "0017_born_unaccepted"),)
    operations = (
        migrations.AddField(
            model_name="importrow",
            name="assignee",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    )
