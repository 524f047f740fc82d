"""Seal the audit in a hash chain, count what corrections changed, and index both for those who look.

`audit.seal_events()` is the only way to a new seal; the app role may call it and read what it made. How
an event is written down before it is hashed is said in `annotation.services.seals`, which checks it by
code of its own.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

SEALS = r"""
CREATE TABLE audit.seal (
    number bigint PRIMARY KEY,
    sealed_at timestamptz NOT NULL,
    previous bytea NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    ids bigint[] NOT NULL,
    digests bytea NOT NULL,
    snapshot_xmax bigint NOT NULL,
    sequence_value bigint NOT NULL,
    settled bigint NOT NULL,
    digest bytea NOT NULL
);
COMMENT ON TABLE audit.seal IS 'Batches of audit.event, each hashed with the one before it.';
CREATE INDEX seal_by_last ON audit.seal (last_id);
CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();

-- Their bodies are read when they are made, so no search path can change them; and without a setting of their
-- own they are taken into the query that calls them, ten thousand times a seal.
CREATE FUNCTION audit.field(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value IS NULL THEN '-' ELSE octet_length(value)::text || ':' || value END;

CREATE FUNCTION audit.digest_of(e audit.event) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(
    audit.field(e.id::text) || audit.field((extract(epoch FROM e.at) * 1000000)::bigint::text)
    || audit.field(e.action) || audit.field(e.table_name) || audit.field(e.row_id)
    || audit.field(e.project_id::text) || audit.field(e.segment_id::text) || audit.field(e.actor_id::text)
    || audit.field(e.actor_name) || audit.field(e.source) || audit.field(e.request_id) || audit.field(e.ip)
    || audit.field(e.db_role) || audit.field(e.transaction_id::text)
    || audit.field(e.before::text) || audit.field(e.after::text), 'UTF8'));

-- Events become visible in another order than they were numbered in. What is sealed is what is visible and
-- not sealed yet. `settled` is up to where nothing can come any more: an id at or below the sequence's value
-- that a seal noted belongs to a transaction older than the snapshot it noted next; once all of those have
-- ended, every such event was either sealed or never made.
CREATE FUNCTION audit.seal_events(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last audit.seal;
    noted bigint;
    oldest bigint;
    newest bigint;
    known bigint[];
    found bigint[];
    hashes bytea;
    named bytea;
    floor bigint;
    made audit.seal;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events are sealed in transactions that are READ COMMITTED';
    END IF;
    LOCK TABLE audit.seal IN EXCLUSIVE MODE;
    SELECT * INTO last FROM audit.seal ORDER BY number DESC LIMIT 1;
    -- In this order: whoever takes an id at or below `noted` has a transaction id below `newest`.
    SELECT last_value INTO noted FROM audit.event_id_seq;
    SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint INTO oldest, newest
      FROM pg_current_snapshot() AS s;
    SELECT coalesce(array_agg(id), '{}') INTO known
      FROM audit.seal AS s, unnest(s.ids) AS id
     WHERE s.last_id > coalesce(last.settled, 0) AND id > coalesce(last.settled, 0);
    EXECUTE $query$
        SELECT array_agg(b.id ORDER BY b.id), string_agg(b.hash, ''::bytea ORDER BY b.id),
               string_agg(int8send(b.id), ''::bytea ORDER BY b.id)
          FROM (SELECT e.id, audit.digest_of(e) AS hash FROM audit.event AS e
                 WHERE e.id > $1 AND e.id <> ALL ($2) ORDER BY e.id LIMIT $3) AS b
    $query$ INTO found, hashes, named USING coalesce(last.settled, 0), known, most;
    IF found IS NULL THEN
        RETURN 0;
    END IF;
    SELECT max(s.sequence_value) INTO floor FROM audit.seal AS s WHERE s.snapshot_xmax <= oldest;
    IF cardinality(found) >= most THEN
        floor := least(floor, found[cardinality(found)]);
    END IF;
    made.number := coalesce(last.number, 0) + 1;
    made.sealed_at := clock_timestamp();
    made.previous := coalesce(last.digest, sha256('Earmark audit'::bytea));
    made.first_id := found[1];
    made.last_id := found[cardinality(found)];
    made.ids := found;
    made.digests := hashes;
    made.snapshot_xmax := newest;
    made.sequence_value := noted;
    made.settled := greatest(coalesce(last.settled, 0), coalesce(floor, 0));
    made.digest := sha256(made.previous || convert_to(
        audit.field(made.number::text)
        || audit.field((extract(epoch FROM made.sealed_at) * 1000000)::bigint::text)
        || audit.field(made.snapshot_xmax::text) || audit.field(made.sequence_value::text)
        || audit.field(made.settled::text) || audit.field(cardinality(found)::text), 'UTF8')
        || named || hashes);
    INSERT INTO audit.seal SELECT made.*;
    RETURN cardinality(found);
END $$;
REVOKE ALL ON FUNCTION audit.seal_events(integer) FROM PUBLIC;

-- OFFSET makes it a view that nothing can be written through.
CREATE VIEW annotation_seal AS
    SELECT number, sealed_at, cardinality(ids) AS events, first_id, last_id, settled,
           encode(digest, 'hex') AS digest
      FROM audit.seal OFFSET 0;

-- What supervisors filter by. Without these a rare kind of event is looked for through all of them.
CREATE INDEX event_by_time ON audit.event (at, id);
CREATE INDEX event_by_table ON audit.event (table_name, id);
CREATE INDEX event_by_source ON audit.event (source, id);
CREATE INDEX event_by_action ON audit.event (action, id) WHERE action <> 'update';
CREATE INDEX event_by_request ON audit.event (request_id, id) WHERE request_id <> '';
CREATE INDEX event_by_program ON audit.event (actor_name, id) WHERE actor_id IS NULL;
CREATE INDEX event_of_unlocking ON audit.event (segment_id)
    WHERE table_name = 'annotation_segment' AND action = 'update' AND after ->> 'locked' = 'false';

CREATE TRIGGER audit_sample AFTER INSERT OR UPDATE OR DELETE ON annotation_auditsample
    FOR EACH ROW EXECUTE FUNCTION audit.record();
"""

DROP = """
DROP TRIGGER audit_sample ON annotation_auditsample;
DROP INDEX audit.event_of_unlocking, audit.event_by_program, audit.event_by_request, audit.event_by_action,
           audit.event_by_source, audit.event_by_table, audit.event_by_time;
DROP VIEW annotation_seal;
DROP FUNCTION audit.seal_events(integer);
DROP FUNCTION audit.digest_of(audit.event);
DROP FUNCTION audit.field(text);
DROP TABLE audit.seal;
"""

BATCH = 1000

UNCOUNTED = """
SELECT d.id, h.id, h.text, r.text
  FROM annotation_decision d
  JOIN annotation_revision r
    ON r.segment_id = d.segment_id AND r.number = (d.after ->> d.segment_id::text)::int
  JOIN LATERAL (SELECT id, text FROM annotation_hypothesis
                 WHERE segment_id = d.segment_id AND created_at <= d.created_at
                 ORDER BY pass_name DESC, id DESC LIMIT 1) h ON true
 WHERE d.id > %s AND d.kind IN ('save', 'accept') ORDER BY d.id LIMIT %s
"""
COUNTED = """
UPDATE annotation_decision SET hypothesis_id = %s, substitutions = %s, deletions = %s, insertions = %s,
       reference_length = %s, profile = %s WHERE id = %s
"""


def count(apps: Any, schema_editor: Any) -> None:
    """Count the errors behind decisions that were made before they were counted at once."""
    from transcription.text.metrics import count_errors

    at, profile = 0, "spoken-1"
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(UNCOUNTED, [at, BATCH])
            rows = cursor.fetchall()
            counted = []
            for pk, heard, machine, final in rows:
                c = count_errors(final, machine, profile=profile)
                counted.append(
                    (heard, c.substitutions, c.deletions, c.insertions, c.reference_length, profile, pk)
                )
            cursor.executemany(COUNTED, counted)
            if len(rows) < BATCH:
                return
            at = rows[-1][0]


class Migration(migrations.Migration):
    dependencies = [("annotation", "0009_supervision")]
    operations = [
        migrations.RunSQL(SEALS, DROP),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
