"""A seeded walk through the API by people of three roles, raw SQL in between, and a replay of its audit."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from django.db import DatabaseError, connection, transaction

from annotation.models import Batch, Comment, Gold, Hypothesis, Pair, Project, Segment
from annotation.states import OPEN_PAIRS, OPEN_SEGMENTS, Choice, PairState, ReturnReason, SegmentState
from tests.annotation.api.calling import Caller
from tests.annotation.replaying import Replay
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

WORDS: Final = ("we", "ship", "bosch", "parts", "on", "friday", "from", "hamburg", "to", "the", "north")

#: Statements of the app role: tries to change what must stand, and to do so unseen. `%(id)s` is a segment.
RAW: Final = (
    "UPDATE annotation_segment SET state = '{state}' WHERE id = %(id)s",
    "UPDATE annotation_segment SET text = 'by hand', speaker = 'X' WHERE id = %(id)s",
    "UPDATE annotation_segment SET text = 'both', locked = false, locked_at = NULL WHERE id = %(id)s",
    "UPDATE annotation_segment SET state = 'returned', text = 'also new' WHERE id = %(id)s",
    "UPDATE annotation_segment SET locked = true, locked_at = now() WHERE id = %(id)s",
    "UPDATE annotation_segment SET locked = false WHERE id = %(id)s",
    "UPDATE annotation_segment SET retired_at = now() WHERE id = %(id)s AND locked",
    "UPDATE annotation_segment SET speaker = speaker WHERE id = %(id)s",
    "UPDATE annotation_membership SET role = 'manager' WHERE role = 'annotator'",
    "INSERT INTO auth_group (name) VALUES ('masters') ON CONFLICT DO NOTHING",
    "INSERT INTO auth_group_permissions (group_id, permission_id) SELECT one.id, p.id FROM auth_group one,"
    " auth_permission p WHERE p.codename IN ('add_review', 'change_user') ON CONFLICT DO NOTHING",
    "INSERT INTO annotation_user_groups (user_id, group_id) SELECT person.id, one.id"
    " FROM annotation_user person, auth_group one ON CONFLICT DO NOTHING",
    "UPDATE auth_group SET name = 'harmless'",
    "ALTER TABLE auth_group_permissions DISABLE TRIGGER ALL",
    "DELETE FROM auth_group_permissions",
    "DELETE FROM annotation_segment WHERE id = %(id)s",
    "UPDATE annotation_revision SET text = 'forged' WHERE segment_id = %(id)s",
    "DELETE FROM annotation_revision WHERE segment_id = %(id)s",
    "DELETE FROM annotation_decision WHERE segment_id = %(id)s",
    "INSERT INTO annotation_review (project_id, segment_id, revision, result, verdict, reason_code, comment,"
    " audio_ms) SELECT project_id, id, revision, revision, 'accept', '', '', 0 FROM annotation_segment"
    " WHERE id = %(id)s",
    "UPDATE annotation_review SET verdict = 'accept' WHERE segment_id = %(id)s",
    "UPDATE annotation_secondcheck SET done_at = now() WHERE segment_id = %(id)s",
    "DELETE FROM annotation_secondcheck WHERE segment_id = %(id)s",
    "UPDATE annotation_pair SET state = 'reading' WHERE segment_id = %(id)s",
    "UPDATE annotation_pair SET state = 'settled' WHERE state = 'disputed'",
    "UPDATE annotation_reading SET text = 'forged' WHERE segment_id = %(id)s",
    "UPDATE annotation_reading SET place = 3 - place",
    "UPDATE annotation_gold SET text = 'forged' WHERE segment_id = %(id)s",
    "UPDATE annotation_goldscore SET passed = true",
    "UPDATE annotation_comment SET text = 'never said' WHERE segment_id = %(id)s",
    "DELETE FROM annotation_comment WHERE segment_id = %(id)s",
    "INSERT INTO annotation_batchsegment (batch_id, segment_id)"
    " SELECT id, %(id)s FROM annotation_batch ORDER BY id LIMIT 1",
    "DELETE FROM annotation_batchsegment WHERE segment_id = %(id)s",
    "UPDATE annotation_batch SET assignee_id = created_by_id",
    "UPDATE audit.event SET actor_name = 'nobody'",
    "DELETE FROM audit.event",
    "TRUNCATE audit.event",
    "TRUNCATE annotation_segment CASCADE",
    "INSERT INTO audit.seal SELECT * FROM audit.seal",
    "ALTER TABLE annotation_segment DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_segment ON annotation_segment",
    "SET session_replication_role = replica",
    "SET ROLE earmark_owner",
    "CREATE OR REPLACE FUNCTION audit.record() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "SELECT set_config('pgtrigger.ignore', '{{audit_segment}}', true);"
    " UPDATE annotation_segment SET speaker = 'unseen' WHERE id = %(id)s",
    "SELECT set_config('session_replication_role', 'replica', true)",
    "SELECT set_config('earmark.actor_name', '', true), set_config('earmark.source', '', true);"
    " UPDATE annotation_segment SET speaker = 'nobody' WHERE id = %(id)s",
)


class Walk:
    """Take steps at random: a call of the API by somebody, or a statement of the app role."""

    def __init__(self, cast: Cast, seed: int, *, segments: int = 24) -> None:
        self.dice = random.Random(seed)
        self.cast = cast
        self.callers = {name: Caller(cast.named(name)) for name in ("annotator", "reviewer", "manager")}
        self.outside = Caller(cast.outsider)
        self.replay = Replay()
        self.statuses: Counter[int] = Counter()
        self.raw: Counter[str] = Counter()
        self.taken = 0
        # Much is read by two, and much is drawn to be looked at again.
        Project.objects.filter(pk=cast.project.pk).update(
            double_percent=40, review_percent=40, sample_seed=seed
        )
        recording = make_recording(cast.project, duration_ms=segments * 1000 + 1000)
        job = make_job(recording, state="completed")
        for number in range(segments):
            text = " ".join(self.dice.choices(WORDS, k=6))
            segment = make_segment(
                cast.project, recording=recording, start_ms=number * 1000, end_ms=number * 1000 + 900,
                text=text, revision=1, state="draft", source="draft", risk=round(self.dice.random(), 2),
            )  # fmt: skip
            Hypothesis.objects.create(
                decoding=make_decoding(job, segment, state="done"), segment=segment, pass_name="draft",
                model="demo-draft", text=text,
            )  # fmt: skip
        self.recording = recording
        self.replay.begin()
        self.steps: list[tuple[int, Callable[[], None]]] = [
            (24, self.save), (8, self.decide), (6, self.lease), (6, self.lock), (12, self.unlock),
            (18, self.review), (3, self.split), (3, self.merge), (4, self.edges), (4, self.speaker),
            (5, self.undo), (3, self.hand_out), (2, self.assign), (1, self.promote), (1, self.settings),
            (2, self.trespass), (3, self.look), (3, self.nonsense),
            (6, self.read), (4, self.settle), (3, self.comment), (3, self.batch), (2, self.gold),
        ]  # fmt: skip

    def call(self) -> None:
        """Let somebody call the API once, and follow the audit."""
        weights = [weight for weight, _ in self.steps]
        (step,) = self.dice.choices([each for _, each in self.steps], weights)
        step()
        self.taken += 1
        if self.replay.follow() or self.taken % 10 == 0:
            self.replay.agrees_about_segments()

    def statement(self, pattern: str = "") -> None:
        """Try one statement as the app role: refused, or every change of it in the audit."""
        sql = (pattern or self.dice.choice(RAW)).format(state=self.dice.choice(list(SegmentState)))
        pk = self.dice.choice(list(Segment.everything.order_by("pk").values_list("pk", flat=True)))
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql, {"id": pk})
        except DatabaseError:
            self.raw["refused"] += 1
        else:
            self.raw["done"] += 1
        events = self.replay.follow()
        self.raw["logged"] += len(events)
        self.replay.agrees_about_segments()

    # -- One step each ---------------------------------------------------------------------------------

    def send(self, path: str, body: Any, *, method: str = "POST", by: str = "") -> Any:
        """Call as somebody; whatever is answered is an answer, and no failure."""
        who = by or self.dice.choice(list(self.callers))
        answer = self.callers[who].send(method, path, body)
        self.statuses[answer.status] += 1
        assert answer.status < 500, (method, path, body, answer.body[:400])
        return answer

    def any_segment(self) -> Segment:
        """Return a segment; one in eight is retired."""
        rows = Segment.everything if self.dice.random() < 0.125 else Segment.objects
        return self.dice.choice(list(rows.order_by("pk")))

    def base(self, segment: Segment) -> int:
        """Return the revision somebody saw; sometimes an old one."""
        return max(0, segment.revision - (self.dice.random() < 0.15))

    def words(self) -> str:
        return " ".join(self.dice.choices(WORDS, k=self.dice.randint(1, 8)))

    def acting(self, segment: Segment, **more: Any) -> dict[str, Any]:
        return {"base_revision": self.base(segment), "heard_share": self.dice.choice([None, 0.3, 1]), **more}

    def save(self) -> None:
        segment = self.any_segment()
        text = segment.text if self.dice.random() < 0.2 else self.words()
        self.send(f"/api/segments/{segment.pk}/", self.acting(segment, text=text), method="PATCH")

    def decide(self) -> None:
        segment = self.any_segment()
        kind = self.dice.choice(["accept", "skip", "unintelligible"])
        body = self.acting(segment, decision=kind, reason="no speech" if self.dice.random() < 0.8 else "")
        self.send(f"/api/segments/{segment.pk}/", body, method="PATCH")

    def lease(self) -> None:
        segment = self.any_segment()
        method = "POST" if self.dice.random() < 0.4 else "DELETE"
        self.send(f"/api/segments/{segment.pk}/lease/", {} if method == "POST" else None, method=method)

    def lock(self) -> None:
        segment = self.any_segment()
        self.send(f"/api/segments/{segment.pk}/lock/", {})

    def unlock(self) -> None:
        segment = self.any_segment()
        reason = self.words() if self.dice.random() < 0.8 else ""
        self.send(f"/api/segments/{segment.pk}/unlock/", {"reason": reason})

    def review(self) -> None:
        decided = list(Segment.objects.filter(state__in=("corrected", "skipped", "accepted")).order_by("pk"))
        segment = self.dice.choice(decided) if decided and self.dice.random() < 0.7 else self.any_segment()
        verdict = self.dice.choice(["accept", "return", "return", "fix"])
        body: dict[str, Any] = {"verdict": verdict, "base_revision": self.base(segment)}
        if verdict == "return":
            body |= {"reason": self.dice.choice(ReturnReason.values), "comment": "look again"}
        if verdict == "fix":
            body["text"] = self.words()
        self.send(f"/api/segments/{segment.pk}/review/", body)

    def split(self) -> None:
        segment = self.any_segment()
        body = self.acting(
            segment, at_ms=(segment.start_ms + segment.end_ms) // 2, offset=len(segment.text) // 2
        )
        if self.dice.random() < 0.4:
            body |= {"text": (typed := self.words()), "offset": len(typed) // 2}
        self.send(f"/api/segments/{segment.pk}/split/", body)

    def merge(self) -> None:
        segment = self.any_segment()
        following = Segment.objects.filter(start_ms__gte=segment.end_ms).order_by("start_ms").first()
        if following is not None:
            body = self.acting(segment, next=str(following.pk), next_revision=following.revision)
            self.send(f"/api/segments/{segment.pk}/merge/", body)

    def read(self) -> None:
        """Read what somebody else may have read before."""
        begun = list(Pair.objects.filter(state=PairState.READING).order_by("pk"))
        segment = self.dice.choice(begun).segment if begun else self.any_segment()
        text = segment.text if self.dice.random() < 0.5 else self.words()
        self.send(f"/api/segments/{segment.pk}/", self.acting(segment, text=text), method="PATCH")

    def settle(self) -> None:
        pairs = Pair.objects.order_by("pk")
        found = list(pairs.filter(state__in=OPEN_PAIRS)) or list(pairs)
        if found:
            body: dict[str, Any] = {"choice": self.dice.choice(Choice.values), "heard_share": 1}
            if body["choice"] == Choice.THIRD:
                body["text"] = self.words()
            self.send(f"/api/pairs/{self.dice.choice(found).pk}/settle/", body)

    def comment(self) -> None:
        said = list(Comment.objects.order_by("pk"))
        if said and self.dice.random() < 0.3:
            path = f"/api/comments/{self.dice.choice(said).pk}/resolve/"
            self.send(path, {"resolved": self.dice.random() < 0.7})
        else:
            text = f"@annotator {self.words()}"
            self.send(f"/api/segments/{self.any_segment().pk}/comments/", {"text": text})

    def batch(self) -> None:
        made = list(Batch.objects.filter(closed_at=None).order_by("pk"))
        chance, assignee = self.dice.random(), self.dice.choice(["annotator", "reviewer", "outsider"])
        if not made or chance < 0.5:
            body: dict[str, Any] = {"assignee": assignee, "segments": self.dice.randint(1, 3)}
            if chance < 0.05:
                body = {"assignee": assignee, "recordings": [str(self.recording.pk)]}
            self.send(f"/api/projects/{self.cast.project.pk}/batches/", body)
            return
        path = f"/api/batches/{self.dice.choice(made).pk}/"
        if chance < 0.8:
            change = {"assignee": assignee} if chance < 0.65 else {"paused": chance < 0.75}
            self.send(path, change, method="PATCH")
        else:
            self.send(path, None, method="DELETE")

    def gold(self) -> None:
        known = list(Gold.objects.filter(withdrawn_at=None).order_by("pk"))
        if known and self.dice.random() < 0.3:
            self.send(f"/api/gold/{self.dice.choice(known).pk}/", None, method="DELETE")
            return
        rows = list(Segment.objects.filter(state__in=OPEN_SEGMENTS).order_by("pk"))
        segment = self.dice.choice(rows) if rows else self.any_segment()
        body = {"segment": str(segment.pk), "text": self.words()}
        self.send(f"/api/projects/{self.cast.project.pk}/gold/", body)

    def edges(self) -> None:
        segment = self.any_segment()
        shift = self.dice.randint(-120, 120)
        body = self.acting(segment, start_ms=max(0, segment.start_ms + shift), end_ms=segment.end_ms)
        self.send(f"/api/segments/{segment.pk}/edges/", body)

    def speaker(self) -> None:
        segment = self.any_segment()
        body = self.acting(segment, speaker=self.dice.choice("ABC"))
        self.send(f"/api/segments/{segment.pk}/speaker/", body)

    def undo(self) -> None:
        self.send(f"/api/segments/{self.any_segment().pk}/undo/", {})

    def hand_out(self) -> None:
        self.send(f"/api/projects/{self.cast.project.pk}/next/", {})

    def assign(self) -> None:
        names = self.dice.sample(["annotator", "reviewer", "manager", "outsider"], k=self.dice.randint(0, 2))
        self.send(f"/api/recordings/{self.recording.pk}/assignees/", {"usernames": names}, method="PUT")

    def promote(self) -> None:
        person = self.dice.choice([self.cast.annotator, self.cast.outsider])
        path = f"/api/projects/{self.cast.project.pk}/members/"
        if self.dice.random() < 0.5:
            role = self.dice.choice(["annotator", "reviewer"])
            self.send(path, {"username": person.username, "role": role})
        else:
            self.send(f"{path}{person.pk}/", None, method="DELETE")
        for name in ("annotator", "reviewer"):
            self.send(path, {"username": name, "role": name}, by="manager")

    def settings(self) -> None:
        body = {"description": self.words()} if self.dice.random() < 0.7 else {"language": "xx-nonsense"}
        self.send(f"/api/projects/{self.cast.project.pk}/", body, method="PATCH")

    def trespass(self) -> None:
        segment = self.any_segment()
        answer = self.outside.send("PATCH", f"/api/segments/{segment.pk}/", self.acting(segment, text="mine"))
        self.statuses[answer.status] += 1
        member = Project.objects.filter(
            pk=self.cast.project.pk, memberships__user=self.cast.outsider
        ).exists()
        assert member or answer.status == 404

    def look(self) -> None:
        segment = self.any_segment()
        path = self.dice.choice([f"segments/{segment.pk}/", f"segments/{segment.pk}/history/", "segments/"])
        self.send(f"/api/{path}", None, method="GET")

    def nonsense(self) -> None:
        segment = self.any_segment()
        bodies: list[Any] = [
            {"text": "x"}, {"text": "a\u0000b", "base_revision": 1}, {"text": 7, "base_revision": 10**30},
            {"text": "x", "base_revision": -1}, [], "words",
            {"text": "x", "base_revision": segment.revision, "state": "accepted"},
            {"text": "x", "base_revision": segment.revision, "locked": False},
        ]  # fmt: skip
        self.send(f"/api/segments/{segment.pk}/", self.dice.choice(bodies), method="PATCH")
