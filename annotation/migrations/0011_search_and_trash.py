"""Keep what search looks through, the details of a glossary's terms, replacements, and a trash.

The embedded PostgreSQL has no `pg_trgm`. So the database keeps a row of folded texts for each live segment
(triggers below) and one GIN index over an expression of it: every group of three neighbouring characters,
the stems of the words in the segment's language, and the project. See docs/adr/0016.
"""

from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import annotation.models.search

#: The stemmers of PostgreSQL by the language codes of Whisper. Those that a server does not have are left out.
STEMMERS = {
    "ar": "arabic",
    "hy": "armenian",
    "eu": "basque",
    "ca": "catalan",
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "no": "norwegian",
    "nn": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}

# Names are written with their schema: the server maintains indexes under a search_path of its own.
FUNCTIONS = r"""
CREATE FUNCTION annotation_fold(said text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT btrim(lower(regexp_replace(said, '[\s\u00a0\u2007\u202f\u3000]+', ' ', 'g')))
$$;

-- Groups of three neighbouring characters, each behind a tilde, which no stem begins with. The last two begin
-- groups with blanks, so that one or two characters are found as the beginning of a group.
CREATE FUNCTION annotation_grams(folded text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_to_tsvector(array_agg('~' || a || coalesce(b, ' ') || coalesce(c, ' '))), '')
      FROM (SELECT string_to_array(folded, NULL) AS letters) AS said,
           unnest(said.letters, said.letters[2:], said.letters[3:]) AS gram (a, b, c)
     WHERE a IS NOT NULL
$$;

CREATE FUNCTION annotation_tokens(project bigint, text text, heard text, stems tsvector) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.annotation_grams(text || ' ' || heard) || stems || array_to_tsvector(ARRAY['#' || project])
$$;
"""

TRIGGERS = r"""
-- Segments are locked before their rows of this table, by everybody and in the order of their ids, so that
-- nobody waits for somebody who waits for him.
CREATE FUNCTION annotation_search_renew(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM annotation_segment WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    DELETE FROM annotation_searchtext AS kept USING annotation_segment AS segment
     WHERE kept.segment_id = ANY (ids) AND segment.id = kept.segment_id AND segment.retired_at IS NOT NULL;
    INSERT INTO annotation_searchtext AS kept (segment_id, project_id, recording_id, text, heard, stems)
    SELECT segment.id, segment.project_id, segment.recording_id, said.text, coalesce(machine.folded, ''),
           annotation_stems(
               coalesce(nullif(recording.language, ''), nullif(project.language, ''),
                        nullif(segment.language, ''), recording.detected_language),
               left(segment.text, 20000) || E'\n' || coalesce(machine.said, ''))
      FROM annotation_segment AS segment
      JOIN annotation_recording AS recording ON recording.id = segment.recording_id
      JOIN annotation_project AS project ON project.id = segment.project_id
     CROSS JOIN LATERAL (SELECT annotation_fold(left(segment.text, 20000)) AS text) AS said
      LEFT JOIN LATERAL (
            SELECT left(string_agg(one.folded, E'\n'), 40000) AS folded,
                   left(string_agg(one.said, E'\n'), 40000) AS said
              FROM (SELECT DISTINCT ON (annotation_fold(heard.text))
                           annotation_fold(heard.text) AS folded, heard.text AS said
                      FROM annotation_hypothesis AS heard WHERE heard.segment_id = segment.id) AS one
             WHERE one.folded <> said.text) AS machine ON true
     WHERE segment.id = ANY (ids) AND segment.retired_at IS NULL
     ORDER BY segment.id
    ON CONFLICT (segment_id) DO UPDATE
        SET text = excluded.text, heard = excluded.heard, stems = excluded.stems
      WHERE (kept.text, kept.heard, kept.stems) IS DISTINCT FROM (excluded.text, excluded.heard, excluded.stems);
END $$;

CREATE FUNCTION annotation_search_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_TABLE_NAME = 'annotation_hypothesis' THEN
        SELECT array_agg(DISTINCT segment_id) INTO ids FROM fresh;
    ELSE
        EXECUTE 'SELECT array_agg(id) FROM fresh WHERE text <> $1 AND retired_at IS NULL' INTO ids USING '';
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM annotation_search_renew(ids);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER search_made AFTER INSERT ON annotation_segment REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION annotation_search_made();
CREATE TRIGGER search_heard AFTER INSERT ON annotation_hypothesis REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION annotation_search_made();

CREATE FUNCTION annotation_search_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM annotation_search_renew(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE TRIGGER search_changed AFTER UPDATE OF text, retired_at ON annotation_segment FOR EACH ROW
    WHEN ((OLD.text, OLD.retired_at) IS DISTINCT FROM (NEW.text, NEW.retired_at))
    EXECUTE FUNCTION annotation_search_changed();

-- Which terms there are is the project's list; what is known of each lies beside it.
CREATE FUNCTION annotation_keep_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(NEW.glossary) = 'array' THEN
        DELETE FROM annotation_term AS term WHERE term.project_id = NEW.id AND NOT NEW.glossary ? term.text;
        INSERT INTO annotation_term (project_id, text, language, variants, note, case_rule, created_by_id)
        SELECT NEW.id, term, '', '[]', '', 'exact', nullif(current_setting('earmark.actor_id', true), '')::bigint
          FROM jsonb_array_elements_text(NEW.glossary) AS term WHERE length(term) <= 100
        ON CONFLICT (project_id, text) DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_terms AFTER INSERT OR UPDATE OF glossary ON annotation_project
    FOR EACH ROW EXECUTE FUNCTION annotation_keep_terms();
CREATE TRIGGER audit_term AFTER INSERT OR UPDATE OR DELETE ON annotation_term
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_replacement AFTER INSERT OR UPDATE OR DELETE ON annotation_replacement
    FOR EACH ROW EXECUTE FUNCTION audit.record('last_segment', 'changed', 'skipped', 'put_back', 'kept');
"""

FILL = r"""
SELECT count(annotation_search_renew(ids)) FROM (
    SELECT array_agg(id ORDER BY id) AS ids FROM annotation_segment
     WHERE retired_at IS NULL AND text <> '' GROUP BY id / 500) AS batch;
UPDATE annotation_project SET glossary = glossary WHERE glossary <> '[]';
-- An index cannot be made while a foreign key is still to be looked at.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""

# Without a pending list: a search need not read through it, and no save has to empty it for all others.
INDEXES = r"""
CREATE INDEX searchtext_tokens ON annotation_searchtext
    USING gin (annotation_tokens(project_id, text, heard, stems)) WITH (fastupdate = off);
CREATE INDEX recording_name_grams ON annotation_recording
    USING gin (annotation_grams(annotation_fold(name))) WITH (fastupdate = off);
"""

DROP = r"""
DROP INDEX recording_name_grams;
DROP INDEX searchtext_tokens;
DROP TRIGGER audit_replacement ON annotation_replacement;
DROP TRIGGER audit_term ON annotation_term;
DROP TRIGGER keep_terms ON annotation_project;
DROP FUNCTION annotation_keep_terms();
DROP TRIGGER search_changed ON annotation_segment;
DROP TRIGGER search_heard ON annotation_hypothesis;
DROP TRIGGER search_made ON annotation_segment;
DROP FUNCTION annotation_search_changed();
DROP FUNCTION annotation_search_made();
DROP FUNCTION annotation_search_renew(bigint[]);
DROP FUNCTION annotation_stems(text, text);
DROP FUNCTION annotation_tokens(bigint, text, text, tsvector);
DROP FUNCTION annotation_grams(text);
DROP FUNCTION annotation_fold(text);
"""


def make_stemmer(apps: Any, schema_editor: Any) -> None:
    """Write the function that stems a text in a language, with the stemmers that this server has."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace")
        there = {row[0] for row in cursor.fetchall()}
        cases = "\n".join(
            f"        WHEN '{code}' THEN strip(to_tsvector('pg_catalog.{name}'::regconfig, said))"
            for code, name in STEMMERS.items()
            if name in there
        )
        cursor.execute(
            "CREATE FUNCTION annotation_stems(language text, said text) RETURNS tsvector"
            " LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$ SELECT CASE language\n"
            f"{cases}\n        ELSE ''::tsvector END $$"
        )


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0010_seals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Replacement",
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
                        related_name="replacements",
                        to="annotation.project",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="annotation.job",
                    ),
                ),
                ("find", models.CharField(max_length=500)),
                ("put", models.CharField(blank=True, max_length=500)),
                ("match_case", models.BooleanField(default=True)),
                ("whole_words", models.BooleanField(default=False)),
                ("query", models.CharField(blank=True, default="", max_length=500)),
                ("expected", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0)),
                ("skipped", models.PositiveIntegerField(default=0)),
                ("put_back", models.PositiveIntegerField(default=0)),
                ("kept", models.PositiveIntegerField(default=0)),
                ("last_segment", models.BigIntegerField(default=0, editable=False)),
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
                ("finished_at", models.DateTimeField(null=True)),
                ("undo_asked_at", models.DateTimeField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "undone_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["project", "-id"], name="replacement_by_project")],
            },
        ),
        migrations.CreateModel(
            name="SearchText",
            fields=[
                (
                    "segment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="annotation.segment",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="annotation.project",
                    ),
                ),
                (
                    "recording",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="annotation.recording",
                    ),
                ),
                ("text", models.TextField()),
                ("heard", models.TextField()),
                ("stems", annotation.models.search.StemsField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("project"),
                        models.OrderBy(models.F("recording"), descending=True),
                        models.F("segment"),
                        name="searchtext_by_project",
                    ),
                    models.Index(
                        models.OrderBy(models.F("recording"), descending=True),
                        models.F("segment"),
                        name="searchtext_newest_first",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Term",
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
                        related_name="terms",
                        to="annotation.project",
                    ),
                ),
                ("text", models.CharField(max_length=100)),
                ("language", models.CharField(blank=True, default="", max_length=12)),
                ("variants", models.JSONField(blank=True, default=list)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                (
                    "case_rule",
                    models.CharField(
                        choices=[
                            ("exact", "Always as written here"),
                            ("initial", "The first letter may be a capital"),
                            ("any", "Any case"),
                        ],
                        default="exact",
                        max_length=8,
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "ordering": ("text", "id"),
                "constraints": [
                    models.UniqueConstraint(fields=("project", "text"), name="term_once_per_project"),
                    models.CheckConstraint(
                        condition=models.Q(("case_rule__in", ["exact", "initial", "any"])),
                        name="term_case_rule_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReplacedRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "replacement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="annotation.replacement",
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.segment"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("changed", "Changed"),
                            ("locked", "Locked"),
                            ("leased", "Somebody is editing it"),
                            ("accepted", "Accepted by a reviewer"),
                            ("moved", "Changed meanwhile"),
                            ("too_long", "Too long afterwards"),
                            ("put_back", "Taken back"),
                            ("kept", "Left: changed since"),
                        ],
                        max_length=8,
                    ),
                ),
                ("before", models.PositiveIntegerField()),
                ("after", models.PositiveIntegerField(null=True)),
                ("source", models.CharField(blank=True, default="", max_length=12)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("replacement", "segment"), name="replaced_row_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                [
                                    "changed",
                                    "locked",
                                    "leased",
                                    "accepted",
                                    "moved",
                                    "too_long",
                                    "put_back",
                                    "kept",
                                ],
                            )
                        ),
                        name="replaced_row_outcome_known",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="recording",
            name="trashed_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="recording",
            name="trashed_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("trashed_at__isnull", False)),
                fields=["project"],
                name="recording_in_trash",
            ),
        ),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunPython(make_stemmer, migrations.RunPython.noop),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(INDEXES, DROP),
    ]
