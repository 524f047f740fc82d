"""Let an upload say that a person waits for its text."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0004_workbench"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="waiting",
            field=models.BooleanField(default=False),
        ),
    ]
