"""Tables, one file per aggregate."""

from annotation.models.audit import AuditEvent, LiveWorker, Seal
from annotation.models.claims import Claimable
from annotation.models.decodings import Decoding, Hypothesis
from annotation.models.evaluations import ContextGate, RiskCalibration
from annotation.models.glossary import Term
from annotation.models.jobs import Job
from annotation.models.leases import Lease
from annotation.models.people import User
from annotation.models.projects import Membership, Project
from annotation.models.recordings import Recording, Upload
from annotation.models.replacements import ReplacedRow, Replacement
from annotation.models.samples import AuditSample, SampledDecision
from annotation.models.scores import ErrorTally, MachineScore, ProjectQuality, ReviewScore
from annotation.models.search import SearchText
from annotation.models.segments import Revision, Segment
from annotation.models.work import Assignment, Decision, Draft, Preferences

__all__ = [
    "Assignment",
    "AuditEvent",
    "AuditSample",
    "Claimable",
    "ContextGate",
    "Decision",
    "Decoding",
    "Draft",
    "ErrorTally",
    "Hypothesis",
    "Job",
    "Lease",
    "LiveWorker",
    "MachineScore",
    "Membership",
    "Preferences",
    "Project",
    "ProjectQuality",
    "Recording",
    "ReplacedRow",
    "Replacement",
    "ReviewScore",
    "Revision",
    "RiskCalibration",
    "SampledDecision",
    "Seal",
    "SearchText",
    "Segment",
    "Term",
    "Upload",
    "User",
]
