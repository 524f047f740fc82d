"""Write down who drew a row for a second check and who closed it: a check closed in silence is a row unseen."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER audit_second_check AFTER INSERT OR UPDATE OR DELETE ON annotation_secondcheck
    FOR EACH ROW EXECUTE FUNCTION audit.record();
"""
BACKWARD = "DROP TRIGGER audit_second_check ON annotation_secondcheck"


class Migration(migrations.Migration):
    """Add the trigger."""

    dependencies = (("annotation", "0025_pair_states"),)
    operations = (migrations.RunSQL(FORWARD, BACKWARD),)
