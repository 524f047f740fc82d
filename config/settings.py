"""Django's settings, made from the options. What a deployment may change is an option, not a line here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from annotation.conf import AnnotationConf
from config import connections
from config.embedded import places
from config.load import OptionsError, load_or_exit, refuse
from config.options import ROOT
from config.secrets import Secrets, SecretsError, load_or_create
from config.skin import UNFOLD as UNFOLD
from workers.queues import ROUTES
from workers.schedule import beat_schedule

OPTIONS = load_or_exit()
try:
    # A deployment that names everything itself needs no file of secrets, nor a home it may write to.
    SECRETS = Secrets() if OPTIONS.self_sufficient else load_or_create(OPTIONS.home)
except SecretsError as error:
    refuse(OptionsError([str(error)]))
PLACES = places.locate(OPTIONS.home)

SECRET_KEY = OPTIONS.secret_key or SECRETS.secret_key
DEBUG = OPTIONS.debug
ALLOWED_HOSTS = OPTIONS.hosts
CSRF_TRUSTED_ORIGINS = [OPTIONS.public_url]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "annotation.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "config",
    "annotation",
    "unfold",  # the admin's skin; without this line the admin is Django's own
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "csp",
    "django_vite",
]

MIDDLEWARE = [
    "config.health.Probes",
    "config.middleware.RequestId",
    "annotation.middleware.ShapedErrors",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.static.StaticFiles",
    "config.gate.AdminGate",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "annotation.middleware.ActingPerson",
    "config.gate.SecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.DatabaseAway",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# -- PostgreSQL: three roles, one database ------------------------------


def _database(alias: str) -> dict[str, Any]:
    database = connections.django_database(connections.database_params(alias, OPTIONS, SECRETS, PLACES))
    database["ENGINE"] = "config.postgresql"
    database["CONN_MAX_AGE"] = 0
    # Pooled connections are looked at by `config.postgresql`, which mends the whole pool at once.
    database["CONN_HEALTH_CHECKS"] = not (alias == "default" and OPTIONS.database_pool_size)
    database["OPTIONS"] = {
        "connect_timeout": 5,
        "application_name": f"earmark-{alias}",
        "options": "-c idle_in_transaction_session_timeout=20000",
        **database["OPTIONS"],
    }
    if alias == "default" and OPTIONS.database_pool_size:
        database["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": OPTIONS.database_pool_size,
            "timeout": 3,
            "max_idle": 300,
            "reconnect_timeout": 2,
        }
    return database


try:
    DATABASES = {alias: _database(alias) for alias in connections.ROLES}
except connections.ConnectionsError as error:
    refuse(OptionsError([str(error)]))

# -- Redis: doorbells, live events, counters; all of it may be lost ------------------------------

REDIS_URL = connections.redis_url(OPTIONS, SECRETS, PLACES)
CACHES = {
    "default": {
        "BACKEND": "config.cache.TolerantRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "earmark:cache",
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}

CELERY_BROKER_URL = connections.broker_url(REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SEND_TASK_EVENTS = False
# For pools that fork; a solo worker looks after itself (`workers.process`).
CELERY_WORKER_MAX_MEMORY_PER_CHILD = OPTIONS.worker_memory_mb * 1024 or None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_ROUTES = ROUTES
CELERY_BEAT_SCHEDULE = beat_schedule(OPTIONS.reconcile_interval_s)
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Redelivery is no rescue here (a claim's lease is), so it may be slow; only longer than any batch.
    "visibility_timeout": 3600,
    # Ringing with Redis away must not hold a web request.
    "socket_connect_timeout": 0.5,
    "socket_timeout": 5,
    "retry_on_timeout": False,
    "max_retries": 0,
    "health_check_interval": 30,
}

# -- People ------------------------------

PASSWORD_HASHERS = ["config.hashers.Argon2idHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
ADMIN_NETWORKS = OPTIONS.admin_networks
ADMIN_SECOND_FACTOR = OPTIONS.admin_second_factor
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

AXES_ENABLED = True
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_FAILURE_LIMIT = OPTIONS.login_failures
AXES_COOLOFF_TIME = OPTIONS.login_cooloff_s / 3600
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "annotation.middleware.address_of"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "annotation.ui.people.held_back"
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username"]

REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(seconds=OPTIONS.token_age_s) if OPTIONS.token_age_s else None,
    "AUTO_REFRESH": False,
    "TOKEN_LIMIT_PER_USER": None,
    "SECURE_HASH_ALGORITHM": "hashlib.sha512",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "annotation.api.errors.handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Earmark",
    "DESCRIPTION": "Machines draft, people correct, models learn from the corrections.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # Sets of words that several answers share, by the name they have in generated types.
    "ENUM_NAME_OVERRIDES": {
        "SegmentState": "annotation.states.SegmentState",
        "DecisionKind": "annotation.states.DecisionKind",
        "Verdict": "annotation.states.Verdict",
        "Order": "annotation.api.people_serializers.ORDERS",
        "BatchOrder": "annotation.api.batches.ORDERS",
        "CheckCode": "annotation.services.checks.CODES",
    },
}

# -- Browsers ------------------------------

SESSION_COOKIE_AGE = OPTIONS.session_age_s
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if OPTIONS.tls:
    # The prefix makes a browser refuse such a cookie from any other host or from plain http.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = OPTIONS.hsts_s
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
if OPTIONS.behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "media-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

# A chunk of 8 MiB, or a text of the largest size allowed, and what is around it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024**2
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
FILE_UPLOAD_TEMP_DIR: str | None = None
MEDIA_ROOT = str(OPTIONS.media_root)

WORKBENCH_DIST = ROOT / "workbench" / "dist"
STATIC_URL = "/static/"
STATIC_ROOT = None
STATICFILES_DIRS: list[Any] = [("wb", str(WORKBENCH_DIST))] if WORKBENCH_DIST.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Straight from where they lie: there is nothing to collect, so nothing to forget to collect.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/wb/assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$"
DJANGO_VITE = {
    "default": {
        "dev_mode": False,
        "static_url_prefix": "wb",
        "manifest_path": str(WORKBENCH_DIST / "manifest.json"),
    }
}
# Pages work without the bundle; `manage.py doctor` tells when it is missing.
SILENCED_SYSTEM_CHECKS = ["django_vite.W001"]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# -- Logs ------------------------------

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.Line"}},
    "filters": {"redact": {"()": "config.logs.Redact"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]}},
    "root": {"handlers": ["stderr"], "level": OPTIONS.log_level},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        "django.request": {"level": "ERROR"},
        "axes": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}

EARMARK = AnnotationConf(
    redis_url=REDIS_URL,
    media_root=OPTIONS.media_root,
    models_dir=OPTIONS.models_dir,
    bundled_models_dir=ROOT / "models",
    ffmpeg=OPTIONS.ffmpeg_binary,
    default_draft_model=OPTIONS.default_draft_model,
    default_refine_model=OPTIONS.default_refine_model,
    max_upload_bytes=OPTIONS.upload_max_bytes,
    upload_expires_s=OPTIONS.upload_expiry_s,
    max_open_uploads=OPTIONS.upload_open_max,
    upload_quota_bytes=OPTIONS.upload_quota_bytes,
    free_space_floor_bytes=OPTIONS.disk_free_floor_bytes,
    max_duration_s=OPTIONS.media_max_duration_s,
    media_memory_bytes=OPTIONS.media_memory_bytes,
    media_cpu_s=OPTIONS.media_cpu_s,
    live_streams_max=OPTIONS.live_streams_max,
    behind_proxy=OPTIONS.behind_proxy,
    admin_path=OPTIONS.admin_path,
    claim_s=OPTIONS.claim_lease_s,
    max_attempts=OPTIONS.max_attempts,
    retry_delay_s=OPTIONS.retry_delay_s,
    reconcile_every_s=OPTIONS.reconcile_interval_s,
    lease_s=OPTIONS.lease_ttl_s,
    device=OPTIONS.device,
    compute_type=OPTIONS.compute_type,
    threads=OPTIONS.inference_threads,
    cpu_model_workers=OPTIONS.cpu_model_workers,
    idle_unload_s=OPTIONS.idle_unload_s,
    worker_memory_mb=OPTIONS.worker_memory_mb,
    batch_windows=OPTIONS.claim_batch,
    model_downloads=OPTIONS.model_downloads,
    engine=OPTIONS.engine,
    fake_engine=dict(OPTIONS.fake_engine),
    demo=OPTIONS.embedded_postgres if OPTIONS.demo is None else OPTIONS.demo,
)
