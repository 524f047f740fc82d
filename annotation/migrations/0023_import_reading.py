"""Keep how the table of an import was read: which of its sheets, by what delimiter and encoding."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add what a check read."""

    dependencies = (("annotation", "0022_search_in_bulk"),)
    operations = (
        migrations.AddField(model_name="import", name="reading", field=models.JSONField(default=dict)),
    )
