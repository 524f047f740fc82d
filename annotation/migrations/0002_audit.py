"""Let the database write the audit, and guard what code must not be trusted with.

`audit.event` belongs to the owner role. Its rows come only from `audit.record()`, a SECURITY DEFINER
trigger, so the app role needs no right to write there and has none; it owns no table, so it cannot drop
or disable a trigger either. Each trigger names the columns that are left out (secrets, and stamps that
would make every visit an event).
"""

from __future__ import annotations

from django.db import migrations

CREATE = r"""
CREATE SCHEMA IF NOT EXISTS audit;

CREATE TABLE audit.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL,
    table_name text NOT NULL,
    row_id text NOT NULL,
    project_id bigint,
    segment_id bigint,
    actor_id bigint,
    actor_name text NOT NULL,
    source text NOT NULL,
    request_id text NOT NULL,
    ip text NOT NULL,
    db_role text NOT NULL,
    transaction_id bigint NOT NULL,
    before jsonb,
    after jsonb
);
CREATE INDEX event_by_segment ON audit.event (segment_id, id) WHERE segment_id IS NOT NULL;
CREATE INDEX event_by_project ON audit.event (project_id, id);
CREATE INDEX event_by_row ON audit.event (table_name, row_id, id);
CREATE INDEX event_by_actor ON audit.event (actor_id, id) WHERE actor_id IS NOT NULL;

COMMENT ON TABLE audit.event IS
    'Changes of segments, revisions, recordings, projects, memberships, users. Written by triggers only.';

-- Append-only even for the owner: a mistake in a migration must not rewrite history.
CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events cannot be changed or removed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.event
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();

CREATE FUNCTION audit.record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- NULL without arguments, and jsonb minus NULL is NULL.
    skipped text[] := coalesce(TG_ARGV, '{}');
    old_row jsonb;
    new_row jsonb;
    whole jsonb;
    project bigint;
    segment bigint;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_row := to_jsonb(OLD) - skipped;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_row := to_jsonb(NEW) - skipped;
    END IF;
    whole := coalesce(new_row, old_row);
    IF TG_OP = 'UPDATE' THEN
        -- Keep what changed, not the row twice over.
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key)
          INTO old_row, new_row
          FROM jsonb_each(old_row) AS o
         WHERE o.value IS DISTINCT FROM new_row -> o.key;
        IF old_row IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;

    segment := CASE WHEN TG_TABLE_NAME = 'annotation_segment' THEN (whole ->> 'id')::bigint
                    ELSE (whole ->> 'segment_id')::bigint END;
    project := CASE WHEN TG_TABLE_NAME = 'annotation_project' THEN (whole ->> 'id')::bigint
                    ELSE (whole ->> 'project_id')::bigint END;
    IF project IS NULL AND segment IS NOT NULL THEN
        SELECT s.project_id INTO project FROM public.annotation_segment s WHERE s.id = segment;
    END IF;

    INSERT INTO audit.event (action, table_name, row_id, project_id, segment_id, actor_id, actor_name,
                             source, request_id, ip, db_role, transaction_id, before, after)
    VALUES (
        lower(TG_OP), TG_TABLE_NAME, coalesce(whole ->> 'id', ''), project, segment,
        nullif(current_setting('earmark.actor_id', true), '')::bigint,
        -- A change that no request stands behind is logged under the role that made it.
        coalesce(nullif(current_setting('earmark.actor_name', true), ''), 'role ' || session_user),
        coalesce(nullif(current_setting('earmark.source', true), ''), 'sql'),
        coalesce(current_setting('earmark.request_id', true), ''),
        coalesce(current_setting('earmark.ip', true), ''),
        session_user, txid_current(), old_row, new_row
    );
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION audit.record() FROM PUBLIC;

CREATE VIEW annotation_auditevent AS SELECT * FROM audit.event;
-- For reports: the work, without the people's own rows (addresses, names).
CREATE VIEW audit.work_event AS SELECT * FROM audit.event WHERE table_name NOT LIKE 'annotation\_user%';

CREATE TRIGGER audit_project AFTER INSERT OR UPDATE OR DELETE ON annotation_project
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_membership AFTER INSERT OR UPDATE OR DELETE ON annotation_membership
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_user AFTER INSERT OR UPDATE OR DELETE ON annotation_user
    FOR EACH ROW EXECUTE FUNCTION audit.record('password', 'last_login');
CREATE TRIGGER audit_user_groups AFTER INSERT OR UPDATE OR DELETE ON annotation_user_groups
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_user_permissions AFTER INSERT OR UPDATE OR DELETE ON annotation_user_user_permissions
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_recording AFTER INSERT OR UPDATE OR DELETE ON annotation_recording
    FOR EACH ROW EXECUTE FUNCTION audit.record(
        'claim', 'attempts', 'claimed_by', 'claim_expires_at', 'available_at', 'prepared_percent', 'silences',
        'updated_at');
CREATE TRIGGER audit_segment AFTER INSERT OR UPDATE OR DELETE ON annotation_segment
    FOR EACH ROW EXECUTE FUNCTION audit.record('updated_at');
CREATE TRIGGER audit_revision AFTER INSERT OR UPDATE OR DELETE ON annotation_revision
    FOR EACH ROW EXECUTE FUNCTION audit.record();

-- A locked row keeps its text and times whatever the code above it believes. The statement that unlocks
-- it may not change them either: reopening and editing are two acts with two audit events.
CREATE FUNCTION annotation_refuse_locked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.locked THEN
            RAISE EXCEPTION 'segment % is locked', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.locked
       AND (OLD.text, OLD.revision, OLD.start_ms, OLD.end_ms, OLD.speaker, OLD.recording_id, OLD.channel)
        IS DISTINCT FROM
           (NEW.text, NEW.revision, NEW.start_ms, NEW.end_ms, NEW.speaker, NEW.recording_id, NEW.channel) THEN
        RAISE EXCEPTION 'segment % is locked', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER segment_refuse_locked BEFORE UPDATE OR DELETE ON annotation_segment
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_locked();
"""

DROP = """
DROP TRIGGER segment_refuse_locked ON annotation_segment;
DROP FUNCTION annotation_refuse_locked();
DROP VIEW annotation_auditevent;
DROP SCHEMA audit CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
