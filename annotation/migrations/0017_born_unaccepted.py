"""Refuse segments that are born accepted: only a review accepts, and there is none of a row that was not there."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION annotation_refuse_born_accepted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'segment % is accepted by a review only', NEW.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER refuse_born_accepted BEFORE INSERT ON annotation_segment
    FOR EACH ROW WHEN (NEW.state = 'accepted') EXECUTE FUNCTION annotation_refuse_born_accepted();
"""
BACKWARD = """
DROP TRIGGER refuse_born_accepted ON annotation_segment;
DROP FUNCTION annotation_refuse_born_accepted();
"""


class Migration(migrations.Migration):
    """Add the trigger."""

    dependencies = (("annotation", "0016_job_kinds"),)
    operations = (migrations.RunSQL(FORWARD, BACKWARD),)
