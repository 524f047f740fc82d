"""Keep the words with times that a transcript of another tool has."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0014_imports'),
    ]

    operations = [
        migrations.AddField(
            model_name='importrow',
            name='words',
            field=models.JSONField(default=list),
        ),
    ]
