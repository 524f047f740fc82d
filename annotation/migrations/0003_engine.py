"""Give the engine its tables: waiting refines, channels, languages, gates and calibrations."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


# Progress is no change worth an event; opening a gate is. A locked segment cannot be retired.
TRIGGERS = r"""
CREATE OR REPLACE TRIGGER audit_recording AFTER INSERT OR UPDATE OR DELETE ON annotation_recording
    FOR EACH ROW EXECUTE FUNCTION audit.record(
        'claim', 'attempts', 'claimed_by', 'claim_expires_at', 'available_at', 'prepared_percent', 'silences',
        'settled_ms', 'priority', 'updated_at');
CREATE TRIGGER audit_context_gate AFTER INSERT OR UPDATE OR DELETE ON annotation_contextgate
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE OR REPLACE FUNCTION annotation_refuse_locked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.locked THEN
            RAISE EXCEPTION 'segment % is locked', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.locked
       AND (OLD.text, OLD.revision, OLD.start_ms, OLD.end_ms, OLD.speaker, OLD.recording_id, OLD.channel,
            OLD.retired_at)
        IS DISTINCT FROM
           (NEW.text, NEW.revision, NEW.start_ms, NEW.end_ms, NEW.speaker, NEW.recording_id, NEW.channel,
            NEW.retired_at) THEN
        RAISE EXCEPTION 'segment % is locked', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0002_audit'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContextGate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', models.CharField(max_length=200)),
                ('open', models.BooleanField(default=False)),
                ('references', models.PositiveIntegerField(default=0)),
                ('reference_words', models.PositiveIntegerField(default=0)),
                ('full_errors', models.PositiveIntegerField(default=0)),
                ('fit_errors', models.PositiveIntegerField(default=0)),
                ('full_ms', models.BigIntegerField(default=0)),
                ('fit_ms', models.BigIntegerField(default=0)),
                ('normalisation', models.CharField(default='', max_length=60)),
                ('reason', models.CharField(default='', max_length=300)),
                ('checked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='RiskCalibration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', models.CharField(max_length=200)),
                ('points', models.JSONField(default=list)),
                ('segments', models.PositiveIntegerField(default=0)),
                ('learnt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='decoding',
            name='decoding_state_known',
        ),
        migrations.RemoveConstraint(
            model_name='decoding',
            name='decoding_once_while_wanted',
        ),
        migrations.RemoveConstraint(
            model_name='project',
            name='project_segmentation_known',
        ),
        migrations.RemoveConstraint(
            model_name='segment',
            name='segment_once_per_span',
        ),
        migrations.AddField(
            model_name='hypothesis',
            name='changes',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='hypothesis',
            name='processing_ms',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='project',
            name='channels_apart',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='project',
            name='language_scope',
            field=models.CharField(choices=[('recording', 'Each recording'), ('segment', 'Each segment')], default='recording', max_length=12),
        ),
        migrations.AddField(
            model_name='project',
            name='refine_above',
            field=models.FloatField(default=0.3, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)]),
        ),
        migrations.AddField(
            model_name='project',
            name='refine_when',
            field=models.CharField(choices=[('always', 'All'), ('risky', 'Only risky ones')], default='always', max_length=12),
        ),
        migrations.AddField(
            model_name='recording',
            name='channel_layout',
            field=models.CharField(choices=[('mixed', 'Mixed to one'), ('apart', 'A speaker on each')], default='mixed', editable=False, max_length=12),
        ),
        migrations.AddField(
            model_name='recording',
            name='detected_language',
            field=models.CharField(blank=True, default='', editable=False, max_length=12),
        ),
        migrations.AddField(
            model_name='recording',
            name='language_probability',
            field=models.FloatField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='recording',
            name='priority',
            field=models.SmallIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='recording',
            name='settled_ms',
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='segment',
            name='retired_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='decoding',
            name='state',
            field=models.CharField(choices=[('waiting', 'Waiting for the draft'), ('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('skipped', 'Skipped')], default='queued', max_length=12),
        ),
        migrations.AlterField(
            model_name='project',
            name='segmentation',
            field=models.CharField(choices=[('pauses', 'At pauses'), ('voice', 'Where there is a voice'), ('fixed', 'Fixed 30 s')], default='pauses', max_length=12),
        ),
        migrations.AlterField(
            model_name='recording',
            name='segmentation',
            field=models.CharField(blank=True, choices=[('pauses', 'At pauses'), ('voice', 'Where there is a voice'), ('fixed', 'Fixed 30 s')], default='', max_length=12),
        ),
        migrations.AddIndex(
            model_name='decoding',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['recording', 'channel', 'start_ms'], name='decoding_waiting'),
        ),
        migrations.AddConstraint(
            model_name='decoding',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'queued', 'running', 'done', 'failed', 'cancelled', 'skipped'])), name='decoding_state_known'),
        ),
        migrations.AddConstraint(
            model_name='decoding',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('waiting', 'queued', 'running'))), fields=('recording', 'pass_name', 'model', 'options_digest', 'channel', 'start_ms', 'end_ms'), name='decoding_once_while_wanted'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('segmentation__in', ['pauses', 'voice', 'fixed'])), name='project_segmentation_known'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('refine_when__in', ['always', 'risky'])), name='project_refine_when_known'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('language_scope__in', ['recording', 'segment'])), name='project_language_scope_known'),
        ),
        migrations.AddConstraint(
            model_name='segment',
            constraint=models.UniqueConstraint(condition=models.Q(('retired_at', None)), fields=('recording', 'channel', 'start_ms', 'end_ms'), name='segment_once_per_span'),
        ),
        migrations.AddField(
            model_name='contextgate',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='context_gates', to='annotation.project'),
        ),
        migrations.AddField(
            model_name='riskcalibration',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='risk_calibrations', to='annotation.project'),
        ),
        migrations.AddConstraint(
            model_name='contextgate',
            constraint=models.UniqueConstraint(fields=('project', 'model'), name='context_gate_once_per_model'),
        ),
        migrations.AddConstraint(
            model_name='riskcalibration',
            constraint=models.UniqueConstraint(fields=('project', 'model'), name='risk_calibration_once_per_model'),
        ),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
