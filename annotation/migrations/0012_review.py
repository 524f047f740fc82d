"""Give review its tables and hold the database to its rules: verdicts, pairs, gold, batches, comments."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import annotation.models.projects

# Nobody can guess which rows are drawn, and no two projects draw the same way.
SEEDS = "UPDATE annotation_project SET sample_seed = floor(random() * 2147483647)::bigint;"

RULES = r"""
-- Where a segment lies in its project's draw, 0 to 1: the same seed and segment always give the same place.
CREATE FUNCTION annotation_draw(seed bigint, segment bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('x' || substr(md5(seed || ':' || segment), 1, 8))::bit(32)::bigint / 4294967296.0::float8
$$;

-- Whether what people write about a segment goes into a blind reading and not into the segment.
CREATE FUNCTION annotation_blind(wanted bigint) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT segment.state IN ('draft', 'refined') AND segment.retired_at IS NULL
       AND CASE WHEN pair.id IS NOT NULL THEN pair.state IN ('reading', 'disputed')
                ELSE project.double_percent > 0
                     AND annotation_draw(project.sample_seed, segment.id) * 100 < project.double_percent END
      FROM annotation_segment segment
      JOIN annotation_project project ON project.id = segment.project_id
      LEFT JOIN annotation_pair pair ON pair.segment_id = segment.id
     WHERE segment.id = wanted
$$;

-- A verdict is a reviewer's, about a row of the project named, and not about their own work unless that is
-- allowed there. Staff who supervise belong to no project.
CREATE FUNCTION annotation_refuse_review() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    judged record;
BEGIN
    SELECT segment.project_id, segment.annotator_id, project.review_own,
           (SELECT author_id FROM annotation_revision revision
             WHERE revision.segment_id = segment.id AND revision.number = NEW.revision) AS writer_id
      INTO judged
      FROM annotation_segment segment JOIN annotation_project project ON project.id = segment.project_id
     WHERE segment.id = NEW.segment_id;
    IF NEW.project_id IS DISTINCT FROM judged.project_id THEN
        RAISE EXCEPTION 'segment % is in another project', NEW.segment_id USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM annotation_user person
         WHERE person.id = NEW.reviewer_id AND person.is_active
           AND (person.is_superuser OR person.is_staff OR EXISTS (
                SELECT 1 FROM annotation_membership member
                 WHERE member.user_id = person.id AND member.project_id = judged.project_id
                   AND member.role IN ('reviewer', 'manager')))) THEN
        RAISE EXCEPTION 'only a reviewer of the project judges segments' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT judged.review_own
       AND (judged.annotator_id = NEW.reviewer_id OR judged.writer_id = NEW.reviewer_id) THEN
        RAISE EXCEPTION 'nobody judges their own work in this project' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_review BEFORE INSERT ON annotation_review
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_review();

-- Accepted by a verdict of this very transaction on this very revision; returned by one at some time, because
-- an annotator may take the correction of a returned row back.
CREATE FUNCTION annotation_refuse_unreviewed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'accepted' AND NOT EXISTS (
        SELECT 1 FROM annotation_review review
         WHERE review.segment_id = NEW.id AND review.result = NEW.revision
           AND review.verdict IN ('accept', 'fix') AND review.transaction_id = txid_current()) THEN
        RAISE EXCEPTION 'segment % is accepted by a review only', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'returned' AND NOT EXISTS (
        SELECT 1 FROM annotation_review review
         WHERE review.segment_id = NEW.id AND review.verdict = 'return') THEN
        RAISE EXCEPTION 'segment % is returned by a review only', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_unreviewed BEFORE UPDATE OF state ON annotation_segment
    FOR EACH ROW WHEN (NEW.state IN ('accepted', 'returned') AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION annotation_refuse_unreviewed();

-- What is accepted stays as it was accepted. Returning it changes its state, and not a letter besides.
CREATE FUNCTION annotation_refuse_accepted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.text, OLD.revision, OLD.start_ms, OLD.end_ms, OLD.speaker, OLD.recording_id, OLD.channel,
        OLD.retired_at)
       IS DISTINCT FROM
       (NEW.text, NEW.revision, NEW.start_ms, NEW.end_ms, NEW.speaker, NEW.recording_id, NEW.channel,
        NEW.retired_at) THEN
        RAISE EXCEPTION 'segment % is accepted', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER segment_refuse_accepted BEFORE UPDATE ON annotation_segment
    FOR EACH ROW WHEN (OLD.state = 'accepted') EXECUTE FUNCTION annotation_refuse_accepted();

-- A reading is open for as long as its pair is, and stays where it is.
CREATE FUNCTION annotation_refuse_reading() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.pair_id, OLD.segment_id, OLD.place, OLD.author_id)
       IS DISTINCT FROM (NEW.pair_id, NEW.segment_id, NEW.place, NEW.author_id) THEN
        RAISE EXCEPTION 'a reading stays its author''s' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM annotation_pair pair WHERE pair.id = NEW.pair_id
                      AND pair.segment_id = NEW.segment_id AND pair.state = 'reading') THEN
        RAISE EXCEPTION 'pair % is closed', NEW.pair_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_reading BEFORE INSERT OR UPDATE ON annotation_reading
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_reading();

-- The words of a comment stay.
CREATE FUNCTION annotation_refuse_rewording() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.text <> NEW.text OR OLD.segment_id <> NEW.segment_id
       OR (OLD.author_id IS DISTINCT FROM NEW.author_id AND NEW.author_id IS NOT NULL) THEN
        RAISE EXCEPTION 'the words of a comment stay' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_rewording BEFORE UPDATE ON annotation_comment
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_rewording();

CREATE TRIGGER audit_review AFTER INSERT OR UPDATE OR DELETE ON annotation_review
    FOR EACH ROW EXECUTE FUNCTION audit.record('transaction_id');
CREATE TRIGGER audit_gold AFTER INSERT OR UPDATE OR DELETE ON annotation_gold
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_pair AFTER INSERT OR UPDATE OR DELETE ON annotation_pair
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_reading AFTER INSERT OR UPDATE OR DELETE ON annotation_reading
    FOR EACH ROW EXECUTE FUNCTION audit.record('changed_at');
CREATE TRIGGER audit_batch AFTER INSERT OR UPDATE OR DELETE ON annotation_batch
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_batch_segment AFTER INSERT OR UPDATE OR DELETE ON annotation_batchsegment
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_batch_recording AFTER INSERT OR UPDATE OR DELETE ON annotation_batchrecording
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_comment AFTER INSERT OR UPDATE OR DELETE ON annotation_comment
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_guideline AFTER INSERT OR UPDATE OR DELETE ON annotation_guideline
    FOR EACH ROW EXECUTE FUNCTION audit.record();
"""

UNDO_RULES = """
DROP TRIGGER segment_refuse_accepted ON annotation_segment;
DROP TRIGGER refuse_unreviewed ON annotation_segment;
DROP FUNCTION annotation_refuse_accepted();
DROP FUNCTION annotation_refuse_unreviewed();
DROP FUNCTION annotation_blind(bigint);
DROP FUNCTION annotation_draw(bigint, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0011_search_and_trash"),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to="annotation.project",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "assignee",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("paused_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at", None)),
                        fields=["project", "assignee"],
                        name="batch_in_force",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comments",
                        to="annotation.segment",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("text", models.TextField(max_length=4000)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("resolved_at", models.DateTimeField(null=True)),
                (
                    "resolved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["segment", "id"], name="comment_of_segment"),
                    models.Index(
                        condition=models.Q(("resolved_at", None)),
                        fields=["project", "-id"],
                        name="comment_unresolved",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Gold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "segment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="gold",
                        to="annotation.segment",
                    ),
                ),
                ("text", models.TextField(blank=True)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("withdrawn_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "gold",
                "indexes": [
                    models.Index(
                        condition=models.Q(("withdrawn_at", None)),
                        fields=["project", "id"],
                        name="gold_in_use",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Guideline",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="guidelines",
                        to="annotation.project",
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("text", models.TextField(blank=True)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ("project", "-version"),
                "constraints": [
                    models.UniqueConstraint(fields=("project", "version"), name="guideline_version_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Pair",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "segment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pair",
                        to="annotation.segment",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("reading", "Being read"),
                            ("agreed", "Agreed"),
                            ("disputed", "In dispute"),
                            ("settled", "Settled"),
                            ("void", "Given up"),
                        ],
                        default="reading",
                        max_length=12,
                    ),
                ),
                ("profile", models.CharField(blank=True, default="", max_length=40)),
                ("substitutions", models.PositiveIntegerField(null=True)),
                ("deletions", models.PositiveIntegerField(null=True)),
                ("insertions", models.PositiveIntegerField(null=True)),
                ("first_words", models.PositiveIntegerField(null=True)),
                ("second_words", models.PositiveIntegerField(null=True)),
                ("character_edits", models.PositiveIntegerField(null=True)),
                ("first_characters", models.PositiveIntegerField(null=True)),
                ("second_characters", models.PositiveIntegerField(null=True)),
                ("limit", models.FloatField(null=True)),
                (
                    "choice",
                    models.CharField(
                        blank=True,
                        choices=[("first", "The first"), ("second", "The second"), ("third", "A third")],
                        default="",
                        max_length=8,
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("revision", models.PositiveIntegerField(null=True)),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("compared_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "disputed")),
                        fields=["project", "id"],
                        name="pair_disputed",
                    ),
                    models.Index(fields=["project", "state"], name="pair_by_state"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["reading", "agreed", "disputed", "settled", "void"])
                        ),
                        name="pair_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ("reading", "void")),
                            ("state", "disputed"),
                            ("revision__isnull", False),
                            _connector="OR",
                        ),
                        name="pair_ends_in_a_revision",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="annotation.segment",
                    ),
                ),
                ("revision", models.PositiveIntegerField()),
                ("result", models.PositiveIntegerField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("accept", "Accepted"),
                            ("return", "Returned"),
                            ("fix", "Fixed and accepted"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "reason_code",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("words", "Wrong words"),
                            ("missing", "Words are missing"),
                            ("added", "Words nobody said"),
                            ("spelling", "Names or spelling"),
                            ("style", "Not as the guideline says"),
                            ("tags", "Tags"),
                            ("speaker", "Wrong speaker"),
                            ("edges", "Cut badly"),
                            ("unheard", "Listen to it again"),
                            ("other", "Something else"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("comment", models.CharField(blank=True, default="", max_length=500)),
                (
                    "reviewer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "annotator",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("audio_ms", models.BigIntegerField(default=0)),
                ("heard_share", models.FloatField(null=True)),
                ("active_ms", models.PositiveIntegerField(null=True)),
                ("operation_id", models.UUIDField(null=True)),
                (
                    "transaction_id",
                    models.BigIntegerField(
                        db_default=models.Func(function="txid_current", output_field=models.BigIntegerField())
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["segment", "-id"], name="review_of_segment"),
                    models.Index(fields=["project", "created_at"], name="review_by_day"),
                    models.Index(fields=["annotator", "-id"], name="review_of_annotator"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["accept", "return", "fix"])),
                        name="review_verdict_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                (
                                    "reason_code__in",
                                    [
                                        "words",
                                        "missing",
                                        "added",
                                        "spelling",
                                        "style",
                                        "tags",
                                        "speaker",
                                        "edges",
                                        "unheard",
                                        "other",
                                    ],
                                ),
                                ("verdict", "return"),
                            ),
                            models.Q(models.Q(("verdict", "return"), _negated=True), ("reason_code", "")),
                            _connector="OR",
                        ),
                        name="review_return_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                (
                                    "result",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("revision"), "+", models.Value(1)
                                    ),
                                ),
                                ("verdict", "fix"),
                            ),
                            models.Q(
                                models.Q(("verdict", "fix"), _negated=True), ("result", models.F("revision"))
                            ),
                            _connector="OR",
                        ),
                        name="review_fix_is_a_revision",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("heard_share", None),
                            models.Q(("heard_share__gte", 0), ("heard_share__lte", 1)),
                            _connector="OR",
                        ),
                        name="review_heard_share_is_a_share",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("operation_id__isnull", False)),
                        fields=("segment", "operation_id"),
                        name="review_operation_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SampleCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "annotator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("decided", models.PositiveIntegerField(default=0)),
                ("drawn", models.PositiveIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "annotator"), name="sample_count_once_per_person"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SecondCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "segment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="second_check",
                        to="annotation.segment",
                    ),
                ),
                (
                    "annotator",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("number", models.PositiveIntegerField(null=True)),
                ("again", models.BooleanField(default=False)),
                ("drawn_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("project"),
                        models.OrderBy(models.F("again"), descending=True),
                        models.F("id"),
                        condition=models.Q(("done_at", None)),
                        name="second_check_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchRecording",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recordings",
                        to="annotation.batch",
                    ),
                ),
                (
                    "recording",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="in_batch",
                        to="annotation.recording",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BatchSegment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="segments",
                        to="annotation.batch",
                    ),
                ),
                (
                    "segment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.segment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GoldScore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "gold",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scores",
                        to="annotation.gold",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "annotator",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="annotation.decision",
                    ),
                ),
                ("profile", models.CharField(max_length=40)),
                ("substitutions", models.PositiveIntegerField()),
                ("deletions", models.PositiveIntegerField()),
                ("insertions", models.PositiveIntegerField()),
                ("words", models.PositiveIntegerField()),
                ("character_errors", models.PositiveIntegerField()),
                ("characters", models.PositiveIntegerField()),
                ("passed", models.BooleanField()),
                ("limit", models.FloatField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["project", "annotator"], name="gold_score_by_person")],
                "constraints": [
                    models.UniqueConstraint(fields=("gold", "annotator"), name="gold_scored_once_per_person")
                ],
            },
        ),
        migrations.CreateModel(
            name="Mention",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "comment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mentions",
                        to="annotation.comment",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("read_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("read_at", None)), fields=["user", "-id"], name="mention_unread"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("comment", "user"), name="mention_once_per_comment")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reading",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "pair",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readings",
                        to="annotation.pair",
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.segment"
                    ),
                ),
                ("place", models.PositiveSmallIntegerField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("save", "Saved"),
                            ("accept", "Accepted as heard"),
                            ("skip", "Skipped"),
                            ("unintelligible", "Marked unintelligible"),
                            ("split", "Split"),
                            ("merge", "Merged"),
                            ("edges", "Moved its edges"),
                            ("speaker", "Set the speaker"),
                            ("undo", "Undone"),
                        ],
                        max_length=16,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("base_revision", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["segment", "author"], name="reading_by_author")],
                "constraints": [
                    models.UniqueConstraint(fields=("pair", "place"), name="reading_one_per_place"),
                    models.UniqueConstraint(fields=("pair", "author"), name="reading_one_per_person"),
                    models.CheckConstraint(
                        condition=models.Q(("place__in", (1, 2))), name="reading_place_known"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="membership",
            name="paused_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="project",
            name="dispute_above",
            field=models.FloatField(
                default=0.1,
                validators=[
                    django.core.validators.MinValueValidator(0.0),
                    django.core.validators.MaxValueValidator(1.0),
                ],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="double_percent",
            field=models.PositiveSmallIntegerField(
                default=0, validators=[django.core.validators.MaxValueValidator(100)]
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="gold_limit",
            field=models.FloatField(
                default=0.1,
                validators=[
                    django.core.validators.MinValueValidator(0.0),
                    django.core.validators.MaxValueValidator(1.0),
                ],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="gold_percent",
            field=models.PositiveSmallIntegerField(
                default=2, validators=[django.core.validators.MaxValueValidator(50)]
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="review_own",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="project",
            name="review_percent",
            field=models.PositiveSmallIntegerField(
                default=10, validators=[django.core.validators.MaxValueValidator(100)]
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="sample_seed",
            field=models.BigIntegerField(default=annotation.models.projects.new_seed),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("double_percent__lte", 100), ("gold_percent__lte", 50), ("review_percent__lte", 100)
                ),
                name="project_shares_are_shares",
            ),
        ),
        migrations.RunSQL(SEEDS, migrations.RunSQL.noop),
        migrations.RunSQL(RULES, UNDO_RULES),
    ]
