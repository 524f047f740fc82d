"""Tables, one file per aggregate."""

from annotation.models.audit import AuditEvent, LiveWorker, Seal
from annotation.models.batches import Batch, BatchRecording, BatchSegment
from annotation.models.claims import Claimable
from annotation.models.comments import Comment, Guideline, Mention
from annotation.models.decodings import Decoding, Hypothesis
from annotation.models.evaluations import ContextGate, RiskCalibration
from annotation.models.exports import Export, ExportedFile, ExportedRow, Snapshot
from annotation.models.glossary import Term
from annotation.models.imports import Import, ImportFile, ImportRow, ImportTemplate
from annotation.models.jobs import Job
from annotation.models.leases import Lease
from annotation.models.pairs import Pair, Reading
from annotation.models.people import User
from annotation.models.projects import Membership, Project
from annotation.models.recordings import Recording, Upload
from annotation.models.replacements import ReplacedRow, Replacement
from annotation.models.reviews import Gold, GoldScore, Review, SampleCount, SecondCheck
from annotation.models.samples import AuditSample, SampledDecision
from annotation.models.scores import ErrorTally, MachineScore, ProjectQuality, ReviewScore
from annotation.models.search import SearchText
from annotation.models.segments import Revision, Segment
from annotation.models.work import Assignment, Correction, Decision, Draft, Preferences

__all__ = [
    "Assignment",
    "AuditEvent",
    "AuditSample",
    "Batch",
    "BatchRecording",
    "BatchSegment",
    "Claimable",
    "Comment",
    "ContextGate",
    "Correction",
    "Decision",
    "Decoding",
    "Draft",
    "ErrorTally",
    "Export",
    "ExportedFile",
    "ExportedRow",
    "Gold",
    "GoldScore",
    "Guideline",
    "Hypothesis",
    "Import",
    "ImportFile",
    "ImportRow",
    "ImportTemplate",
    "Job",
    "Lease",
    "LiveWorker",
    "MachineScore",
    "Membership",
    "Mention",
    "Pair",
    "Preferences",
    "Project",
    "ProjectQuality",
    "Reading",
    "Recording",
    "ReplacedRow",
    "Replacement",
    "Review",
    "ReviewScore",
    "Revision",
    "RiskCalibration",
    "SampleCount",
    "SampledDecision",
    "Seal",
    "SearchText",
    "SecondCheck",
    "Segment",
    "Snapshot",
    "Term",
    "Upload",
    "User",
]
