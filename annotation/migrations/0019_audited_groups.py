"""Write changes of groups and of their rights into the audit, and let supervisors find things faster.

The seals' view could only be read whole; a page of its newest rows now reads those alone. Texts that were
decided on without word of listening have an index.
"""

from django.db import migrations, models

FORWARD = """
CREATE TRIGGER audit_group AFTER INSERT OR UPDATE OR DELETE ON auth_group
    FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit_group_permissions AFTER INSERT OR UPDATE OR DELETE ON auth_group_permissions
    FOR EACH ROW EXECUTE FUNCTION audit.record();

CREATE OR REPLACE VIEW annotation_seal AS
    SELECT number, sealed_at, cardinality(ids) AS events, first_id, last_id, settled,
           encode(digest, 'hex') AS digest
      FROM audit.seal;
"""
BACKWARD = """
CREATE OR REPLACE VIEW annotation_seal AS
    SELECT number, sealed_at, cardinality(ids) AS events, first_id, last_id, settled,
           encode(digest, 'hex') AS digest
      FROM audit.seal OFFSET 0;

DROP TRIGGER audit_group ON auth_group;
DROP TRIGGER audit_group_permissions ON auth_group_permissions;
"""


class Migration(migrations.Migration):
    """Add two triggers and an index; change a view."""

    dependencies = (
        ("annotation", "0018_import_assignee"),
        ("auth", "0012_alter_user_first_name_max_length"),
    )
    operations = (
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                fields=("-id",),
                name="decision_untold",
                condition=models.Q(heard_share__isnull=True, kind__in=("save", "accept")),
            ),
        ),
    )
