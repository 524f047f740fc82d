"""Every address of the API."""

from __future__ import annotations

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from annotation.api import (
    batches,
    bulk,
    comments,
    errors,
    events,
    export_versions,
    exports,
    glossary,
    jobs,
    me,
    media,
    presence,
    projects,
    quality,
    quality_figures,
    queue,
    recordings,
    replacements,
    resegment,
    reviews,
    rows,
    search,
    segments,
    shapes,
    tokens,
    uploads,
)


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Answer for addresses that do not exist, in the API's own words."""
    return errors.plain(404)


schema = SpectacularAPIView.as_view(urlconf="annotation.api.urls", authentication_classes=())
# Its scripts are files of ours; only its style is inline.
docs = csp_update({"style-src": ["'unsafe-inline'"]})(
    SpectacularSwaggerSplitView.as_view(authentication_classes=())
)

urlpatterns = [
    path("api/auth/token/", tokens.TokenView.as_view()),
    path("api/projects/", projects.ProjectList.as_view()),
    path("api/projects/<int:project_id>/", projects.ProjectDetail.as_view()),
    path("api/projects/<int:project_id>/members/", projects.MemberList.as_view()),
    path("api/projects/<int:project_id>/members/<int:user_id>/", projects.MemberDetail.as_view()),
    path("api/projects/<int:project_id>/recordings/", recordings.ProjectRecordings.as_view()),
    path("api/projects/<int:project_id>/uploads/", uploads.ProjectUploads.as_view()),
    path("api/projects/<int:project_id>/events/", events.ProjectEvents.as_view()),
    path("api/projects/<int:project_id>/export/", exports.ProjectExport.as_view()),
    path("api/projects/<int:project_id>/exports/", export_versions.ProjectExports.as_view()),
    path("api/projects/<int:project_id>/exports/preview/", export_versions.ExportPreview.as_view()),
    path("api/exports/<int:export_id>/", export_versions.ExportDetail.as_view()),
    path("api/exports/<int:export_id>/download", export_versions.ExportDownload.as_view()),
    path("api/projects/<int:project_id>/models/", quality.ProjectModels.as_view()),
    path("api/projects/<int:project_id>/refine/", quality.ProjectRefine.as_view()),
    path("api/projects/<int:project_id>/quality/", quality_figures.ProjectQuality.as_view()),
    path("api/projects/<int:project_id>/quality/wer/", quality_figures.QualityWer.as_view()),
    path("api/projects/<int:project_id>/quality/review/", quality_figures.QualityReview.as_view()),
    path("api/projects/<int:project_id>/quality/passes/", quality_figures.QualityPasses.as_view()),
    path("api/projects/<int:project_id>/quality/triage/", quality_figures.QualityTriage.as_view()),
    path("api/projects/<int:project_id>/quality/reliability/", quality_figures.QualityReliability.as_view()),
    path(
        "api/projects/<int:project_id>/quality/substitutions/", quality_figures.QualitySubstitutions.as_view()
    ),
    path("api/projects/<int:project_id>/quality/people/", quality_figures.QualityPeople.as_view()),
    path("api/projects/<int:project_id>/next/", queue.ProjectNext.as_view()),
    path("api/projects/<int:project_id>/progress/", queue.ProjectProgress.as_view()),
    path("api/projects/<int:project_id>/review/", reviews.ProjectReview.as_view()),
    path("api/projects/<int:project_id>/review/next/", reviews.ProjectReviewNext.as_view()),
    path("api/projects/<int:project_id>/gold/", reviews.ProjectGold.as_view()),
    path("api/projects/<int:project_id>/gold/candidate/", reviews.ProjectGoldCandidate.as_view()),
    path("api/projects/<int:project_id>/pairs/", reviews.ProjectPairs.as_view()),
    path("api/projects/<int:project_id>/pairs/next/", reviews.ProjectDispute.as_view()),
    path("api/projects/<int:project_id>/batches/", batches.ProjectBatches.as_view()),
    path("api/projects/<int:project_id>/workload/", batches.ProjectWorkload.as_view()),
    path("api/projects/<int:project_id>/members/<int:user_id>/pause/", batches.MemberPause.as_view()),
    path("api/projects/<int:project_id>/guideline/", comments.ProjectGuideline.as_view()),
    path("api/projects/<int:project_id>/guideline/versions/", comments.GuidelineVersions.as_view()),
    path("api/gold/<int:gold_id>/", reviews.GoldDetail.as_view()),
    path("api/pairs/<int:pair_id>/settle/", reviews.PairSettle.as_view()),
    path("api/batches/<int:batch_id>/", batches.BatchDetail.as_view()),
    path("api/comments/<int:comment_id>/resolve/", comments.CommentResolve.as_view()),
    path("api/projects/<int:project_id>/glossary/", glossary.Glossary.as_view()),
    path("api/projects/<int:project_id>/glossary/offers/", glossary.GlossaryOffers.as_view()),
    path("api/glossary/<int:term_id>/", glossary.GlossaryTerm.as_view()),
    path("api/search/", search.Search.as_view()),
    path("api/projects/<int:project_id>/bulk/", bulk.ProjectBulk.as_view()),
    path("api/projects/<int:project_id>/trash/", bulk.ProjectTrash.as_view()),
    path("api/projects/<int:project_id>/replace/preview/", replacements.ReplacePreview.as_view()),
    path("api/projects/<int:project_id>/replacements/", replacements.ProjectReplacements.as_view()),
    path("api/replacements/<int:replacement_id>/", replacements.ReplacementDetail.as_view()),
    path("api/replacements/<int:replacement_id>/rows/", replacements.ReplacementRows.as_view()),
    path("api/replacements/<int:replacement_id>/undo/", replacements.ReplacementUndo.as_view()),
    path("api/uploads/<uuid:upload_id>/", uploads.UploadDetail.as_view()),
    path("api/recordings/", recordings.RecordingList.as_view()),
    path("api/recordings/<int:recording_id>/", recordings.RecordingDetail.as_view()),
    path("api/recordings/<int:recording_id>/attention/", recordings.RecordingAttention.as_view()),
    path("api/recordings/<int:recording_id>/resegment/", resegment.RecordingResegment.as_view()),
    path("api/recordings/<int:recording_id>/audio", media.RecordingAudio.as_view()),
    path("api/recordings/<int:recording_id>/peaks", recordings.RecordingPeaks.as_view()),
    path("api/recordings/<int:recording_id>/download", media.RecordingOriginal.as_view()),
    path("api/recordings/<int:recording_id>/export/", exports.RecordingExport.as_view()),
    path("api/recordings/<int:recording_id>/rows/", rows.RecordingRows.as_view()),
    path("api/recordings/<int:recording_id>/presence/", presence.RecordingPresence.as_view()),
    path("api/recordings/<int:recording_id>/assignees/", presence.RecordingAssignees.as_view()),
    path("api/segments/", segments.SegmentList.as_view()),
    path("api/segments/<int:segment_id>/", segments.SegmentDetail.as_view()),
    path("api/segments/<int:segment_id>/audio", media.SegmentAudio.as_view()),
    path("api/segments/<int:segment_id>/lease/", segments.SegmentLease.as_view()),
    path("api/segments/<int:segment_id>/ask/", segments.SegmentAsk.as_view()),
    path("api/segments/<int:segment_id>/lock/", segments.SegmentLock.as_view()),
    path("api/segments/<int:segment_id>/unlock/", segments.SegmentUnlock.as_view()),
    path("api/segments/<int:segment_id>/history/", segments.SegmentHistory.as_view()),
    path("api/segments/<int:segment_id>/checks/", segments.SegmentChecks.as_view()),
    path("api/segments/<int:segment_id>/draft/", segments.SegmentDraft.as_view()),
    path("api/segments/<int:segment_id>/split/", shapes.SegmentSplit.as_view()),
    path("api/segments/<int:segment_id>/merge/", shapes.SegmentMerge.as_view()),
    path("api/segments/<int:segment_id>/edges/", shapes.SegmentEdges.as_view()),
    path("api/segments/<int:segment_id>/speaker/", shapes.SegmentSpeaker.as_view()),
    path("api/segments/<int:segment_id>/undo/", shapes.SegmentUndo.as_view()),
    path("api/segments/<int:segment_id>/review/", reviews.SegmentReview.as_view()),
    path("api/segments/<int:segment_id>/reviews/", reviews.SegmentReviews.as_view()),
    path("api/segments/<int:segment_id>/comments/", comments.SegmentComments.as_view()),
    path("api/me/mentions/", comments.MyMentions.as_view()),
    path("api/me/settings/", me.MySettings.as_view()),
    path("api/me/drafts/", me.MyDraftList.as_view()),
    path("api/me/decisions/", me.MyDecisions.as_view()),
    path("api/jobs/", jobs.JobList.as_view()),
    path("api/jobs/<int:job_id>/", jobs.JobDetail.as_view()),
    path("api/jobs/<int:job_id>/cancel/", jobs.JobCancel.as_view()),
    path("api/jobs/<int:job_id>/retry/", jobs.JobRetry.as_view()),
    path("api/schema/", schema, name="schema"),
    path("api/docs/", docs, name="api-docs"),
    re_path(r"^api/", nothing_here),
]
