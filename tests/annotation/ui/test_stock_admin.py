"""The admin's skin comes off with one line: everything is there without it, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings

from annotation.models import Segment
from annotation.services import seals, segments
from tests import services
from tests.factories import make_segment
from tests.personas import make_cast

#: Runs without unfold; prints what went wrong.
SCRIPT = """
import django, sys
django.setup()
from django.apps import apps
from django.test import Client
from annotation.models import User
assert not apps.is_installed("unfold") and "unfold" not in sys.modules, "the skin is still there"
client = Client(SERVER_NAME="127.0.0.1")
person = User.objects.get(username="supervisor")
client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
segment, decision = sys.argv[1:]
base = "/admin/annotation/"
pages = ["/admin/", *(f"{base}{name}/" for name in (
    "auditevent", "correction", "auditsample", "seal", "user", "membership", "project", "recording",
    "segment", "revision", "review", "pair", "reading", "gold", "comment",
    "assignment", "job", "import", "export", "decoding", "contextgate",
    "riskcalibration", "liveworker",
)), f"{base}correction/{decision}/change/", f"{base}segment/{segment}/history/",
    f"{base}correction/?flag=unheard&wer=10-20", "/admin/auth/group/", "/admin/axes/accessattempt/"]
for path in pages:
    answer = client.get(path)
    page = answer.content.decode()
    assert answer.status_code == 200, (path, answer.status_code)
    assert "unfold" not in page and " style=" not in page and "<style" not in page, path
    for script in page.split("<script")[1:]:
        head = script.split(">")[0]
        assert "src=" in head or "application/json" in head, (path, head)
assert 'type="date" name="created_at__from"' in client.get(f"{base}correction/").content.decode()
assert 'class="range-filter"' in client.get(f"{base}correction/").content.decode()
for form in ({"action": "finish", "_selected_action": decision, "index": "0", "select_across": "0"},
             {"one": f"send_back:{decision}", "index": "0"}):
    answer = client.post(f"{base}correction/", form, follow=True)
    assert answer.status_code == 200, answer.status_code
assert 'name="reason"' in answer.content.decode()
"""


def test_without_its_line_the_admin_is_djangos_own_and_whole(committed_db: None, redis_emptied: str) -> None:
    cast = make_cast()
    segment = make_segment(cast.project, text="we ship", revision=1, state="draft", source="draft")
    segments.save_text(user=cast.annotator, segment=segment, text="We ship.", base_revision=1)
    seals.seal()
    decision = segment.decisions.get()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(segment.pk), str(decision.pk)],
        env=services.environment(DJANGO_SETTINGS_MODULE="tests.stock_settings"),
        cwd=services.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert Segment.objects.get(pk=segment.pk).locked, "an action does there what it does with the skin"


def test_the_skin_is_one_line_of_the_settings() -> None:
    source = (services.ROOT / "config" / "settings.py").read_text("utf-8")
    assert settings.INSTALLED_APPS.count("unfold") == 1
    assert [line for line in source.splitlines() if '"unfold"' in line] == [
        "    \"unfold\",  # the admin's skin; without this line the admin is Django's own"
    ]


@pytest.mark.django_db
def test_the_skins_search_has_one_page_and_no_error() -> None:
    from django.test import Client

    client = Client()
    client.force_login(make_cast().supervisor, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/search/?s=seg").status_code == 200
    for page in ("x", "99", "-1", "%00"):
        assert client.get(f"/admin/search/?s=seg&page={page}").status_code == 404
