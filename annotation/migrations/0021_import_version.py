"""Keep the version that a row of an import was exported with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the version of a row."""

    dependencies = (("annotation", "0020_own_work"),)
    operations = (
        migrations.AddField(
            model_name="importrow", name="version", field=models.PositiveIntegerField(null=True)
        ),
    )
