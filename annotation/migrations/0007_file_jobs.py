"""Let a job be claimed by the worker that does it; keep what a sheet said of a row beside the row."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0006_recent_decodings'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='attempts',
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='job',
            name='available_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='cause',
            field=models.TextField(blank=True, default=''),
        ),
        migrations.AddField(
            model_name='job',
            name='cause_code',
            field=models.CharField(blank=True, default='', max_length=60),
        ),
        migrations.AddField(
            model_name='job',
            name='claim',
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='job',
            name='claim_expires_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='claimed_by',
            field=models.CharField(blank=True, default='', editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='project',
            name='sheet_columns',
            field=models.JSONField(default=list, editable=False),
        ),
        migrations.AddField(
            model_name='segment',
            name='external_id',
            field=models.CharField(blank=True, default='', max_length=200),
        ),
        migrations.AddField(
            model_name='segment',
            name='metadata',
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name='job',
            name='kind',
            field=models.CharField(choices=[('transcribe', 'Transcribe'), ('import', 'Import'), ('export', 'Export'), ('replace', 'Replace')], max_length=12),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('kind__in', ('import', 'export', 'replace')), ('state__in', ('pending', 'running'))), fields=['id'], name='job_of_files'),
        ),
        migrations.AddConstraint(
            model_name='segment',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('external_id', ''), _negated=True), ('retired_at', None)), fields=('project', 'external_id'), name='segment_once_per_external_id'),
        ),
    ]
