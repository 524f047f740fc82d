"""A plain speech library: FFmpeg, segmentation, Whisper engines, confidence, text metrics, file formats.

It knows nothing of Django, Celery or Redis. Times are integer milliseconds except inside an engine.

Two halves, kept apart on purpose. `types`, `errors`, `wav`, `peaks`, `segmentation`, `catalog`,
`confidence`, `text` and `formats` are light: a web process imports them, so they never pull in numpy,
CTranslate2 or faster-whisper. `audio`, `pcm` and `engines` are for workers.
"""
