"""State machines as data: every state, and the only moves allowed between states.

Services turn each arrow into one conditional UPDATE and look at its row count. The tables below are made
into triggers after each migration (`annotation.database.guard`), so a move that is not listed here cannot
be made by anything: no service, no admin, no hand at the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db.models import IntegerChoices, TextChoices


class Role(TextChoices):
    """What a member may do in a project."""

    ANNOTATOR = "annotator", "Annotator"
    REVIEWER = "reviewer", "Reviewer"
    MANAGER = "manager", "Manager"


class UploadState(TextChoices):
    """Where a resumable upload stands."""

    OPEN = "open", "Open"
    STORED = "stored", "Waiting for its import"
    FINISHED = "finished", "Finished"
    ABORTED = "aborted", "Aborted"
    EXPIRED = "expired", "Expired"


class RecordingState(TextChoices):
    """Where a recording's audio stands. Transcription is a Job, so a failed model never blocks people."""

    STORED = "stored", "Waiting"
    PREPARING = "preparing", "Preparing"
    READY = "ready", "Ready"
    REJECTED = "rejected", "Rejected"


class Pass(TextChoices):
    """Which pass of the two-pass transcription a decoding belongs to."""

    DRAFT = "draft", "Draft"
    REFINE = "refine", "Refine"


class DecodingState(TextChoices):
    """Where one model's work over one window stands.

    Waiting: a refine whose drafts are not heard yet. Skipped: a refine that the project's rule found no
    need for; a person or a changed rule may still ask for it.
    """

    WAITING = "waiting", "Waiting for the draft"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    SKIPPED = "skipped", "Skipped"


class SegmentState(TextChoices):
    """How far the text of a segment has come."""

    PENDING = "pending", "Pending"
    DRAFT = "draft", "Draft"
    REFINED = "refined", "Refined"
    CORRECTED = "corrected", "Corrected"
    SKIPPED = "skipped", "Skipped"
    ACCEPTED = "accepted", "Accepted"
    RETURNED = "returned", "Returned"


class Source(TextChoices):
    """Who wrote a revision."""

    DRAFT = "draft", "Draft model"
    REFINE = "refine", "Refine model"
    HUMAN = "human", "Person"
    IMPORT = "import", "Import"


class DecisionKind(TextChoices):
    """What a person did to a segment."""

    SAVE = "save", "Saved"
    ACCEPT = "accept", "Accepted as heard"
    SKIP = "skip", "Skipped"
    UNINTELLIGIBLE = "unintelligible", "Marked unintelligible"
    SPLIT = "split", "Split"
    MERGE = "merge", "Merged"
    EDGES = "edges", "Moved its edges"
    SPEAKER = "speaker", "Set the speaker"
    UNDO = "undo", "Undone"


class Verdict(TextChoices):
    """What a reviewer says of a segment."""

    ACCEPT = "accept", "Accepted"
    RETURN = "return", "Returned"
    FIX = "fix", "Fixed and accepted"


class ReturnReason(TextChoices):
    """Why a reviewer returns a segment."""

    WORDS = "words", "Wrong words"
    MISSING = "missing", "Words are missing"
    ADDED = "added", "Words nobody said"
    SPELLING = "spelling", "Names or spelling"
    STYLE = "style", "Not as the guideline says"
    TAGS = "tags", "Tags"
    SPEAKER = "speaker", "Wrong speaker"
    EDGES = "edges", "Cut badly"
    UNHEARD = "unheard", "Listen to it again"
    OTHER = "other", "Something else"


class PairState(TextChoices):
    """Where a segment that two people read blind stands."""

    READING = "reading", "Being read"
    AGREED = "agreed", "Agreed"
    DISPUTED = "disputed", "In dispute"
    SETTLED = "settled", "Settled"


class Choice(TextChoices):
    """Which text came of a pair."""

    FIRST = "first", "The first"
    SECOND = "second", "The second"
    THIRD = "third", "A third"


class JobKind(TextChoices):
    """What kind of work a person asked for."""

    TRANSCRIBE = "transcribe", "Transcribe"
    RETRANSCRIBE = "retranscribe", "Transcribe again"
    IMPORT = "import", "Import"
    EXPORT = "export", "Export"
    REPLACE = "replace", "Replace"


class ExportFormat(TextChoices):
    """What an export is written as."""

    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel (XLSX)"
    TSV = "tsv", "TSV"
    JSONL = "jsonl", "JSON lines"
    NEMO = "nemo", "NeMo manifest with audio"
    AUDIOFOLDER = "audiofolder", "Hugging Face audiofolder"
    PARQUET = "parquet", "Hugging Face Parquet"
    KALDI = "kaldi", "Kaldi data directory"
    COMMON_VOICE = "common_voice", "Common Voice TSV"
    CTM = "ctm", "CTM"
    STM = "stm", "STM"
    RTTM = "rttm", "RTTM"
    SRT = "srt", "SubRip (SRT)"
    VTT = "vtt", "WebVTT"
    TEXTGRID = "textgrid", "Praat TextGrid"
    EAF = "eaf", "ELAN (EAF)"
    WHISPER = "whisper", "Whisper JSON"
    WHISPERX = "whisperx", "WhisperX JSON"
    WHISPER_TSV = "whisper_tsv", "Whisper TSV"
    LABEL_STUDIO = "label_studio", "Label Studio JSON"


class Split(TextChoices):
    """Parts of a dataset."""

    TRAIN = "train", "Train"
    VALIDATION = "validation", "Validation"
    TEST = "test", "Test"


class JobState(TextChoices):
    """Where a job stands."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class ImportState(TextChoices):
    """Where an import stands. Landing: its rows wait for their audio to be prepared."""

    CHECKING = "checking", "Checking"
    ASKING = "asking", "Needs an answer"
    CHECKED = "checked", "Checked"
    REFUSED = "refused", "Refused"
    IMPORTING = "importing", "Importing"
    LANDING = "landing", "Waiting for audio"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class ImportRowState(TextChoices):
    """Where one row of an import stands."""

    READY = "ready", "Ready"
    FAULTY = "faulty", "Faulty"
    WAITING = "waiting", "Waiting for its audio"


class FileKind(TextChoices):
    """What a file of an import is."""

    TABLE = "table", "Table"
    TRANSCRIPT = "transcript", "Transcript"
    AUDIO = "audio", "Audio"
    ARCHIVE = "archive", "Archive"
    IGNORED = "ignored", "Left out"


class Segmentation(TextChoices):
    """How a recording is cut into segments."""

    PAUSES = "pauses", "At pauses"
    VOICE = "voice", "Where there is a voice"
    FIXED = "fixed", "Fixed 30 s"


#: Of a recording whose segments came from a table: nothing cuts it.
AS_IMPORTED: Final = "imported"


class RefineWhen(TextChoices):
    """Which segments the refine model hears."""

    ALWAYS = "always", "All"
    RISKY = "risky", "Only risky ones"


class LanguageScope(TextChoices):
    """For what one language is detected, where none is given."""

    RECORDING = "recording", "Each recording"
    SEGMENT = "segment", "Each segment"


class ChannelLayout(TextChoices):
    """How the channels of a recording are heard."""

    MIXED = "mixed", "Mixed to one"
    APART = "apart", "A speaker on each"


class Priority(IntegerChoices):
    """How soon waiting work is done; a higher number goes first."""

    BULK = 0, "Bulk"
    FRESH = 10, "Just uploaded"
    PERSON = 100, "A person waits"


class TermCase(TextChoices):
    """How the letters of a glossary's term are written."""

    EXACT = "exact", "Always as written here"
    INITIAL = "initial", "The first letter may be a capital"
    ANY = "any", "Any case"


class ReplacedAs(TextChoices):
    """What became of one row of a replacement."""

    CHANGED = "changed", "Changed"
    LOCKED = "locked", "Locked"
    LEASED = "leased", "Somebody is editing it"
    ACCEPTED = "accepted", "Accepted by a reviewer"
    MOVED = "moved", "Changed meanwhile"
    TOO_LONG = "too_long", "Too long afterwards"
    PUT_BACK = "put_back", "Taken back"
    KEPT = "kept", "Left: changed since"


Transitions = Mapping[str, frozenset[str]]

UPLOAD_TRANSITIONS: Final[Transitions] = {
    UploadState.OPEN: frozenset(
        {UploadState.STORED, UploadState.FINISHED, UploadState.ABORTED, UploadState.EXPIRED}
    ),
    UploadState.STORED: frozenset({UploadState.FINISHED, UploadState.ABORTED, UploadState.EXPIRED}),
    # An import that could not take it gives it back.
    UploadState.FINISHED: frozenset({UploadState.STORED}),
    UploadState.ABORTED: frozenset(),
    UploadState.EXPIRED: frozenset(),
}

RECORDING_TRANSITIONS: Final[Transitions] = {
    RecordingState.STORED: frozenset({RecordingState.PREPARING}),
    # Back to stored: its worker died and the claim ran out.
    RecordingState.PREPARING: frozenset(
        {RecordingState.READY, RecordingState.REJECTED, RecordingState.STORED}
    ),
    RecordingState.READY: frozenset(),
    # A rejected file can be tried again by a person (another FFmpeg, a mended disk).
    RecordingState.REJECTED: frozenset({RecordingState.STORED}),
}

DECODING_TRANSITIONS: Final[Transitions] = {
    DecodingState.WAITING: frozenset({DecodingState.QUEUED, DecodingState.SKIPPED, DecodingState.CANCELLED}),
    DecodingState.SKIPPED: frozenset({DecodingState.QUEUED, DecodingState.CANCELLED}),
    DecodingState.QUEUED: frozenset({DecodingState.RUNNING, DecodingState.CANCELLED}),
    DecodingState.RUNNING: frozenset(
        {DecodingState.DONE, DecodingState.FAILED, DecodingState.QUEUED, DecodingState.CANCELLED}
    ),
    DecodingState.DONE: frozenset(),
    # When the job is retried; cancelled where the project has another model by then.
    DecodingState.FAILED: frozenset({DecodingState.WAITING, DecodingState.QUEUED, DecodingState.CANCELLED}),
    DecodingState.CANCELLED: frozenset({DecodingState.WAITING, DecodingState.QUEUED}),
}

IMPORT_TRANSITIONS: Final[Transitions] = {
    ImportState.CHECKING: frozenset(
        {ImportState.ASKING, ImportState.CHECKED, ImportState.REFUSED, ImportState.CANCELLED}
    ),
    ImportState.ASKING: frozenset({ImportState.CHECKING, ImportState.CANCELLED}),
    ImportState.CHECKED: frozenset({ImportState.CHECKING, ImportState.IMPORTING, ImportState.CANCELLED}),
    ImportState.REFUSED: frozenset({ImportState.CHECKING, ImportState.CANCELLED}),
    ImportState.IMPORTING: frozenset({ImportState.LANDING, ImportState.DONE, ImportState.CANCELLED}),
    ImportState.LANDING: frozenset({ImportState.DONE, ImportState.CANCELLED}),
    ImportState.DONE: frozenset(),
    ImportState.CANCELLED: frozenset(),
}

JOB_TRANSITIONS: Final[Transitions] = {
    JobState.PENDING: frozenset({JobState.RUNNING, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}),
    # Back to pending: the worker of a file job died and its claim ran out, or an attempt failed.
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.PENDING}),
    # When the rule or a model of the second pass has changed since.
    JobState.COMPLETED: frozenset({JobState.PENDING}),
    JobState.FAILED: frozenset({JobState.PENDING}),
    JobState.CANCELLED: frozenset({JobState.PENDING}),
}

# From corrected or skipped back to what it was before: a person took their own decision back.
SEGMENT_TRANSITIONS: Final[Transitions] = {
    SegmentState.PENDING: frozenset(
        {SegmentState.DRAFT, SegmentState.REFINED, SegmentState.CORRECTED, SegmentState.SKIPPED}
    ),
    SegmentState.DRAFT: frozenset({SegmentState.REFINED, SegmentState.CORRECTED, SegmentState.SKIPPED}),
    SegmentState.REFINED: frozenset({SegmentState.REFINED, SegmentState.CORRECTED, SegmentState.SKIPPED}),
    SegmentState.CORRECTED: frozenset(
        {
            SegmentState.CORRECTED,
            SegmentState.SKIPPED,
            SegmentState.ACCEPTED,
            SegmentState.RETURNED,
            SegmentState.PENDING,
            SegmentState.DRAFT,
            SegmentState.REFINED,
        }
    ),
    SegmentState.SKIPPED: frozenset(
        {
            SegmentState.CORRECTED,
            SegmentState.RETURNED,
            SegmentState.ACCEPTED,
            SegmentState.PENDING,
            SegmentState.DRAFT,
            SegmentState.REFINED,
        }
    ),
    SegmentState.ACCEPTED: frozenset({SegmentState.RETURNED}),
    SegmentState.RETURNED: frozenset({SegmentState.CORRECTED, SegmentState.SKIPPED}),
}

PAIR_TRANSITIONS: Final[Transitions] = {
    # Settled from reading: nobody else is there to read it, and one text is taken as it is.
    PairState.READING: frozenset({PairState.AGREED, PairState.DISPUTED, PairState.SETTLED}),
    PairState.DISPUTED: frozenset({PairState.SETTLED}),
    PairState.AGREED: frozenset(),
    PairState.SETTLED: frozenset(),
}

#: What each verdict moves: from which states of a segment, and where to.
VERDICT_MOVES: Final[Mapping[Verdict, tuple[frozenset[SegmentState], SegmentState]]] = {
    Verdict.ACCEPT: (frozenset({SegmentState.CORRECTED, SegmentState.SKIPPED}), SegmentState.ACCEPTED),
    Verdict.FIX: (frozenset({SegmentState.CORRECTED, SegmentState.SKIPPED}), SegmentState.ACCEPTED),
    Verdict.RETURN: (
        frozenset({SegmentState.CORRECTED, SegmentState.SKIPPED, SegmentState.ACCEPTED}),
        SegmentState.RETURNED,
    ),
}

#: Pairs whose texts are not in the segment yet.
OPEN_PAIRS: Final = (PairState.READING, PairState.DISPUTED)
#: Jobs that may still change by themselves.
LIVE_JOBS: Final = (JobState.PENDING, JobState.RUNNING)
#: Jobs that one worker of the queue `files` does from end to end, under a claim on the job itself.
FILE_JOBS: Final = (JobKind.IMPORT, JobKind.EXPORT, JobKind.REPLACE)
#: Jobs a person may ask to run again.
RETRIABLE_JOBS: Final = (JobState.FAILED, JobState.CANCELLED)
#: Decodings that still cost somebody time.
LIVE_DECODINGS: Final = (DecodingState.WAITING, DecodingState.QUEUED, DecodingState.RUNNING)
#: States of a segment whose text no person has touched: a better model may replace it silently.
UNTOUCHED_SEGMENTS: Final = (SegmentState.PENDING, SegmentState.DRAFT, SegmentState.REFINED)
#: States of a segment that a person may be given next: heard, and not decided yet.
OPEN_SEGMENTS: Final = (SegmentState.DRAFT, SegmentState.REFINED)
#: States of a segment that a person has decided about.
DONE_SEGMENTS: Final = (SegmentState.CORRECTED, SegmentState.SKIPPED, SegmentState.ACCEPTED)
#: Decisions about the text, which progress counts; the others are about the shape.
TEXT_DECISIONS: Final = (
    DecisionKind.SAVE,
    DecisionKind.ACCEPT,
    DecisionKind.SKIP,
    DecisionKind.UNINTELLIGIBLE,
)
#: States from which a person's save leads to `corrected`.
EDITABLE_SEGMENTS: Final = tuple(
    state for state, moves in SEGMENT_TRANSITIONS.items() if SegmentState.CORRECTED in moves
)
