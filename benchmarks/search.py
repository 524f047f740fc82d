"""Search among a million segments: what each kind of question takes, the index, and what it costs a save.

The rows are written past Django and its triggers, as a restored backup would be; the index is then made in
one go. The texts are sentences of Python's own reference with invented names in them, so that words and
groups of letters are as common and as rare as they are in English; a part is Chinese and Thai.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Table, percentile

if TYPE_CHECKING:
    from annotation.models import Segment, User
    from benchmarks.bench import Bench

GOAL_MS: Final = 100.0
PROJECTS: Final = 20
PER_RECORDING: Final = 100
QUESTIONS: Final = 40
WARMING: Final = 5
SAVES: Final = 200
SMOKE: Final = 3
"""Of each in a smoke run."""
CHINESE: Final = (
    "的一是不了人我在有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后"
    "小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三己老从动两长"
)
THAI: Final = (
    "ครับ",
    "ค่ะ",
    "ไม่",
    "ได้",
    "ที่",
    "จะ",
    "ไป",
    "มา",
    "กิน",
    "ข้าว",
    "บ้าน",
    "เมือง",
    "รถ",
    "โทร",
    "ศัพท์",
    "วัน",
    "นี้",
    "พรุ่ง",
    "ทำ",
    "งาน",
    "เงิน",
    "บาท",
    "ซื้อ",
    "ขาย",
    "ถาม",
    "ตอบ",
    "ชอบ",
    "มาก",
    "น้อย",
    "ดี",
)
SYLLABLES: Final = (
    "ba",
    "ber",
    "bo",
    "chi",
    "da",
    "den",
    "do",
    "fel",
    "fi",
    "gra",
    "hol",
    "ja",
    "ka",
    "kel",
    "li",
    "lo",
    "mar",
    "men",
    "mi",
    "nor",
    "o",
    "pel",
    "qua",
    "ri",
    "ro",
    "sa",
    "sen",
    "ta",
    "tor",
    "u",
    "val",
    "ve",
    "wi",
    "ze",
)


def run(bench: Bench) -> Table:
    """Fill a private database, ask it everything, save into it."""
    _ = bench.platform  # it is what sets Django up
    from annotation.models import Project
    from tests.factories import make_user

    rows = bench.sizes.found_segments
    asked, saves = (QUESTIONS, SAVES) if bench.sizes.real else (SMOKE, SMOKE)
    lucky = random.Random(7)
    user: User = make_user("searcher", is_superuser=True)
    member: User = make_user("member")
    with _owner() as cursor:
        built_s = _fill(cursor, rows, lucky, user, member)
        cursor.execute(
            "SELECT pg_relation_size('searchtext_tokens'), pg_total_relation_size('annotation_searchtext'),"
            " pg_total_relation_size('annotation_segment'), pg_relation_size('recording_name_grams')"
        )
        index, kept, segments, names = (size / 1e6 for size in cursor.fetchone())
    table = Table(
        f"Search: {rows:,} segments in {Project.objects.count()} projects",
        ("question", "p50 ms", "p95 ms", "longest ms", "processor ms, mean"),
        how=(
            f"{asked} different questions of each kind, each asked once through the service, with its "
            "page of 25 hits read and marked, after a few others to warm up; embedded PostgreSQL, 128 MB of "
            f"buffers. Index {index:,.0f} MB, its table with everything {kept:,.0f} MB (the segments: "
            f"{segments:,.0f} MB), index of file names {names:,.1f} MB; made from the segments in "
            f"{built_s:,.0f} s."
        ),
    )
    every: list[float] = []
    for kind, who, questions in _questions(rows, asked + WARMING, lucky, user, member):
        spent, processor = _asked(kind, who, questions)
        if "filter alone" not in kind:
            every += spent
        figures = (percentile(spent, 0.5), percentile(spent, 0.95), max(spent), processor)
        table.add(kind, *(f"{value:.1f}" for value in figures))
    p95 = percentile(every, 0.95)
    table.aim(
        f"words, names and parts of words, p95: at most {GOAL_MS:.0f} ms", f"{p95:.1f} ms", p95 <= GOAL_MS
    )
    table.verdict = _saves(user, saves)
    return table


def _asked(kind: str, who: User, questions: list[str]) -> tuple[list[float], float]:
    """Ask each question; return the milliseconds of each, and what processors spent on one in the mean."""
    import psutil
    from django.db import connection

    from annotation.models import Recording
    from annotation.permissions import visible
    from annotation.search import engine
    from annotation.search.grams import with_name
    from annotation.search.hits import hits_of
    from annotation.search.query import read

    def ask(question: str) -> None:
        if kind.startswith("file name"):
            list(with_name(visible(Recording.objects.all(), who), question).order_by("-id")[:25])
            return
        query = read(question)
        page = engine.find(who, query)
        hits_of(page.segments, page.needles, query.where)

    for question in questions[:WARMING]:
        ask(question)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0])
    spent = []
    before = time.process_time() + sum(server.cpu_times()[:2])
    for question in questions[WARMING:]:
        began = time.perf_counter()
        ask(question)
        spent.append((time.perf_counter() - began) * 1000)
    processor = time.process_time() + sum(server.cpu_times()[:2]) - before
    return spent, 1000 * processor / len(spent)


def _questions(
    rows: int, many: int, lucky: random.Random, user: User, member: User
) -> Iterator[tuple[str, User, list[str]]]:
    """Give each kind of question with who asks, drawn from the rows that are there."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text FROM annotation_segment WHERE language = 'en' AND id %% %s = 0 LIMIT 20000",
            [max(1, rows // 20_000)],
        )
        texts = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT text FROM annotation_segment WHERE language = 'zh' LIMIT 2000")
        chinese = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT text FROM annotation_segment WHERE language = 'th' LIMIT 2000")
        thai = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT name FROM annotation_recording ORDER BY random() LIMIT 500")
        names = [row[0] for row in cursor.fetchall()]
    counted: dict[str, int] = {}
    for text in texts:
        for word in set(re.findall(r"[a-z]{3,}", text)):
            counted[word] = counted.get(word, 0) + 1
    by_count = sorted(counted, key=lambda word: -counted[word])
    invented = [word for text in texts for word in re.findall(r"[A-Z][a-z]{5,}", text)]

    def pick(values: Sequence[str], most: int) -> list[str]:
        # Of a smoke run there may be fewer, or none.
        return lucky.sample(values, most) if len(values) >= most else lucky.choices(values or ["x"], k=most)

    def piece(text: str, long: int) -> str:
        at = lucky.randrange(max(1, len(text) - long))
        return text[at : at + long]

    kinds: list[tuple[str, list[str]]] = [
        ("the commonest words", by_count[:many]),
        ("common words", pick(by_count[60:600], many)),
        ("rarer words", pick(by_count[600:], many)),
        ("invented names", pick(invented, many)),
        ("two words", [" ".join(pick(by_count[30:900], 2)) for _ in range(many)]),
        ("a part of a name", [piece(name, 5).lower() for name in pick(invented, many)]),
        ("a part of a word", [piece(word, 4) for word in pick([w for w in by_count if len(w) > 7], many)]),
        ("a phrase", [f'"{piece(text, 18).strip().replace(chr(34), "")}"' for text in pick(texts, many)]),
        ("two letters", ["".join(pick("abcdefghiklmnoprstuvwxyz", 2)) for _ in range(many)]),
        ("Chinese, two characters", [piece(text, 2) for text in pick(chinese, many)]),
        ("Thai, a part", [piece(text, 5) for text in pick(thai, many)]),
        ("nothing like it", ["".join(pick("bcdfghjklmnpqrstvwxz", 7)) for _ in range(many)]),
        ("a word, a filter", [f"{word} status:corrected conf:<0.5" for word in pick(by_count[:600], many)]),
        ("a name, a filter", [f"{name} speaker:anna changed:yes" for name in pick(invented, many)]),
    ]  # fmt: skip
    for kind, questions in kinds:
        yield kind, user, questions
    for kind, questions in (kinds[1], kinds[3], kinds[5]):
        yield f"{kind}, a member of one project", member, questions
    yield "file name, a part", user, [piece(name, 6) for name in pick(names, many)]
    yield "file name, two parts", user, [f"{piece(n, 4)} {n[-7:]}" for n in pick(names, many)]
    filters = [f"speaker:anna conf:<0.{n % 9}{n}" for n in range(many)]
    yield "filter alone", user, filters


def _owner() -> Any:
    from tests import services

    connection = services.superuser()
    return _Cursor(connection)


class _Cursor:
    """A cursor of a role that may switch triggers off, closed with its connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __enter__(self) -> Any:
        return self._connection.cursor()

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _sentences() -> list[str]:
    from pydoc_data import topics

    plain = re.sub(r"[^A-Za-z',.;:()\s-]+", " ", " ".join(topics.topics.values()))
    words = [word for word in plain.split() if word.strip("'-.,;:()")]
    return [" ".join(words[at : at + 16]).lower() for at in range(0, len(words) - 16, 3)]


def _texts(rows: int, lucky: random.Random) -> Iterator[tuple[str, str]]:
    """Yield texts with their language."""
    sentences = _sentences()
    names = ["".join(lucky.choices(SYLLABLES, k=lucky.randint(3, 4))).title() for _ in range(30_000)]
    for _ in range(rows):
        chance = lucky.random()
        if chance < 0.02:
            yield "".join(lucky.choices(CHINESE, k=lucky.randint(8, 30))), "zh"
        elif chance < 0.04:
            yield "".join(lucky.choices(THAI, k=lucky.randint(5, 15))), "th"
        else:
            words = lucky.choice(sentences).split()
            words = words[: lucky.randint(5, 16)]
            if lucky.random() < 0.4:
                words[lucky.randrange(len(words))] = lucky.choice(names)
            yield " ".join(words), "en"


def _fill(cursor: Any, rows: int, lucky: random.Random, user: User, member: User) -> float:
    """Write projects, recordings, segments and what was heard; return the seconds that the index took."""
    from annotation.models import Job, Membership
    from tests.factories import make_project, make_recording

    projects = [make_project(f"Project {n}", language="en") for n in range(PROJECTS)]
    Membership.objects.create(project=projects[3], user=member, role="annotator")
    first = make_recording(projects[0])
    job = Job.objects.create(project=projects[0], recording=first, kind="transcribe")
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET maintenance_work_mem = '256MB'")
    many = max(1, rows // PER_RECORDING)
    with cursor.copy(
        "COPY annotation_recording (id, project_id, name, sha256, size_bytes, state, duration_ms,"
        " prepared_percent, container, codec, wav_sha256, channel_layout, priority, settled_ms, language,"
        " detected_language, segmentation, warnings, silences, claim, attempts, claimed_by, cause_code,"
        " cause) FROM STDIN"
    ) as copy:
        for n in range(1, many + 1):
            word = "".join(lucky.choices(SYLLABLES, k=3))
            kind = lucky.choice(("call", "interview", "desk", "field"))
            name = f"{kind}_{word}_{n:06}.{lucky.choice(('wav', 'mp3'))}"
            copy.write_row(
                (1_000 + n, projects[n % PROJECTS].pk, name, f"{n:064}", 1, "ready", 600_000, 100, "", "", "",
                 "mixed", 0, 0, "", "", "", "[]", "[]", 0, 0, "", "", "")
            )  # fmt: skip
    with cursor.copy(
        "COPY annotation_segment (id, project_id, recording_id, channel, start_ms, end_ms, speaker, language,"
        " state, text, revision, source, risk, risk_reasons, locked, unlock_reason, return_reason,"
        " annotator_id, external_id, metadata) FROM STDIN"
    ) as copy:
        for n, (text, language) in enumerate(itertools.islice(_texts(rows, lucky), rows)):
            recording = n // PER_RECORDING + 1
            at = n % PER_RECORDING * 6_000
            done = lucky.random() < 0.3
            copy.write_row(
                (1_000 + n, projects[recording % PROJECTS].pk, 1_000 + recording, 0, at, at + 6_000,
                 lucky.choice(("Anna", "Ben", "")), language, "corrected" if done else "draft", text, 1,
                 "human" if done else "draft", round(lucky.random(), 3), "[]", False, "", "",
                 user.pk if done else None, "", "{}")
            )  # fmt: skip
    cursor.execute(
        """INSERT INTO annotation_hypothesis (decoding_id, segment_id, pass_name, model, text, words, signals,
                                              risk_reasons)
           SELECT %s, id, 'draft', 'demo-draft',
                  CASE WHEN id %% 2 = 0 THEN text ELSE overlay(text placing 'xo' from 1 + (id %% 9)::int) END,
                  '[]', '{}', '[]' FROM annotation_segment WHERE id >= 1000""",
        [job.pk],
    )
    for name, last in (("segment", rows), ("recording", many)):
        cursor.execute("SELECT setval(%s, %s)", [f"annotation_{name}_id_seq", last + 2_000])
    cursor.execute("ANALYZE annotation_segment, annotation_hypothesis, annotation_recording")
    began = time.perf_counter()
    cursor.execute("DROP INDEX searchtext_tokens")
    cursor.execute(
        """INSERT INTO annotation_searchtext (segment_id, project_id, recording_id, text, heard, stems)
           SELECT segment.id, segment.project_id, segment.recording_id, annotation_fold(segment.text),
                  CASE WHEN heard.text = segment.text THEN '' ELSE annotation_fold(heard.text) END,
                  annotation_stems('en', segment.text)
             FROM annotation_segment AS segment
             JOIN annotation_hypothesis AS heard ON heard.segment_id = segment.id
            WHERE segment.id >= 1000 ORDER BY segment.id"""
    )
    cursor.execute(
        """CREATE INDEX searchtext_tokens ON annotation_searchtext
           USING gin (annotation_tokens(project_id, text, heard, stems)) WITH (fastupdate = off)"""
    )
    built_s = time.perf_counter() - began
    cursor.execute("VACUUM ANALYZE annotation_searchtext, annotation_recording")
    return built_s


def _saves(user: User, saves: int) -> str:
    """Save with and without the trigger of search, in turn; return what came out."""
    from annotation.models import Segment
    from annotation.services.segments import save_text

    rows: list[Segment] = list(
        Segment.objects.filter(state="draft", language="en").select_related("project", "recording")[
            : 2 * SAVES
        ]
    )
    spent: dict[bool, list[float]] = {True: [], False: []}
    with _owner() as cursor:
        for number, row in enumerate(rows):
            searched = number % 2 == 0
            word = "ENABLE" if searched else "DISABLE"
            cursor.execute(f"ALTER TABLE annotation_segment {word} TRIGGER search_changed")
            began = time.perf_counter()
            save_text(
                user=user, segment=row, text=f"{row.text} corrected by hand", base_revision=row.revision
            )
            spent[searched].append((time.perf_counter() - began) * 1000)
        cursor.execute("ALTER TABLE annotation_segment ENABLE TRIGGER search_changed")
    (with50, with95), (bare50, bare95) = (
        (percentile(spent[key], 0.5), percentile(spent[key], 0.95)) for key in (True, False)
    )
    return (
        f"A save of one row among them: p50 {with50:.1f} ms, p95 {with95:.1f} ms; with the trigger of search "
        f"switched off {bare50:.1f} and {bare95:.1f} ms."
    )
