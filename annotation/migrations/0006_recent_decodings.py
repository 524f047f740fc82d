"""Find the windows of the last minutes, whose pace the estimates go by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0005_waiting_uploads"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="decoding",
            index=models.Index(
                condition=models.Q(("state", "done")), fields=["finished_at"], name="decoding_done"
            ),
        ),
    ]
