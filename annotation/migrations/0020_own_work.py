"""Know a person's own text whoever saved it last, and what a part of a returned row comes from."""

from django.db import migrations

FORWARD = """
-- Whether a revision of a segment is a person's own work: they are its annotator, saved it, or wrote its very
-- text at any time. Somebody who lets it stand afterwards makes a revision of their own, but not the text.
CREATE OR REPLACE FUNCTION annotation_is_own(wanted bigint, judged integer, person bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT 1 FROM annotation_segment segment WHERE segment.id = wanted AND segment.annotator_id = person)
    OR EXISTS (
        SELECT 1 FROM annotation_revision revision
          JOIN annotation_revision own ON own.segment_id = revision.segment_id AND own.author_id = person
               AND own.number <= judged
         WHERE revision.segment_id = wanted AND revision.number = judged
           AND (own.number = judged OR (own.source = 'human' AND own.text = revision.text)))
$$;

CREATE OR REPLACE FUNCTION annotation_refuse_review() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    judged record;
BEGIN
    SELECT segment.project_id, project.review_own
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
    IF NOT judged.review_own AND annotation_is_own(NEW.segment_id, NEW.revision, NEW.reviewer_id) THEN
        RAISE EXCEPTION 'nobody judges their own work in this project' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- Returned by a verdict on the row itself, or on one that it was made of.
CREATE OR REPLACE FUNCTION annotation_refuse_unreviewed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'accepted' AND NOT EXISTS (
        SELECT 1 FROM annotation_review review
         WHERE review.segment_id = NEW.id AND review.result = NEW.revision
           AND review.verdict IN ('accept', 'fix') AND review.transaction_id = txid_current()) THEN
        RAISE EXCEPTION 'segment % is accepted by a review only', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'returned' AND NOT EXISTS (
        WITH RECURSIVE line (id) AS (
            SELECT NEW.id
            UNION
            SELECT parent.to_segment_id FROM line
              JOIN annotation_segment_parents parent ON parent.from_segment_id = line.id)
        SELECT 1 FROM line JOIN annotation_review review ON review.segment_id = line.id
         WHERE review.verdict = 'return') THEN
        RAISE EXCEPTION 'segment % is returned by a review only', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    """Add the function and have the triggers ask it."""

    dependencies = (("annotation", "0019_audited_groups"),)
    operations = (migrations.RunSQL(FORWARD, migrations.RunSQL.noop),)
