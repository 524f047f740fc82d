"""Let resumable uploads bring the files of an import."""

from django.db import migrations, models

STATES = [
    ("open", "Open"),
    ("stored", "Waiting for its import"),
    ("finished", "Finished"),
    ("aborted", "Aborted"),
    ("expired", "Expired"),
]


class Migration(migrations.Migration):
    """Add what such an upload is, and the state in which it waits."""

    dependencies = (("annotation", "0023_import_reading"),)
    operations = (
        migrations.AddField("upload", "for_import", models.BooleanField(default=False)),
        migrations.AddField(
            "upload", "sha256", models.CharField(blank=True, default="", editable=False, max_length=64)
        ),
        migrations.AlterField(
            "upload", "state", models.CharField(choices=STATES, default="open", max_length=12)
        ),
        migrations.RemoveConstraint("upload", "upload_state_known"),
        migrations.AddConstraint(
            "upload",
            models.CheckConstraint(
                condition=models.Q(state__in=[state for state, _ in STATES]), name="upload_state_known"
            ),
        ),
    )
