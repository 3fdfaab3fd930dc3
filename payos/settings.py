"""Settings, all of them read from the environment. `.env.example` documents every variable.

Without DATABASE_URL the project runs embedded: it starts its own PostgreSQL and Valkey under PAYOS_HOME and
keeps generated secrets there. With DATABASE_URL set it is a server: DEBUG is off and a missing secret stops
the start.
"""

from __future__ import annotations

from pathlib import Path

from django.urls import reverse_lazy

from payos.environment import Environment
from payos.logging import config as log_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

EMBEDDED = not env.text("DATABASE_URL", default="", secret=True)
PAYOS_HOME = Path(env.text("PAYOS_HOME", default=str(BASE_DIR / ".payos")))
DEBUG = env.boolean("DEBUG", default=EMBEDDED)
if DEBUG and not EMBEDDED:
    env.refuse("DEBUG", "may only be on in the embedded mode; leave it out when DATABASE_URL is set")

SECRET_KEY = env.secret("SECRET_KEY", generate_in=PAYOS_HOME if EMBEDDED else None, minimum=50)
PAYOS_FIELD_KEYS = env.secret("PAYOS_FIELD_KEYS", generate_in=PAYOS_HOME if EMBEDDED else None, field_keys=True)
PAYOS_HASH_KEY = env.secret("PAYOS_HASH_KEY", generate_in=PAYOS_HOME if EMBEDDED else None, minimum=32)
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"] if EMBEDDED else [])
if not EMBEDDED and not ALLOWED_HOSTS:
    env.refuse("ALLOWED_HOSTS", "is empty: name the hosts this server answers to, separated by commas")
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.text("PUBLIC_URL", default="http://localhost:8000")
TIME_ZONE = env.text("TIME_ZONE", default="UTC")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "payos.kernel.admin_config.PayosAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "django_prometheus",
    "csp",
    "payos.kernel",
    "partners",
    "ledger",
    "operations",
    "webhooks",
    "ingestion",
    "settlement",
    "reconciliation",
    "treasury",
    "compliance",
    "console",
]
# An app is a house of the project once it has its apps.py.
OURS = {"ledger", "operations", "webhooks", "ingestion", "settlement", "reconciliation", "treasury", "compliance", "console"}
INSTALLED_APPS = [name for name in INSTALLED_APPS if name not in OURS or (BASE_DIR / name / "apps.py").exists()]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "partners.User"

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "payos.kernel.middleware.request_identity",
    "payos.logging.request_log",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "payos.kernel.middleware.staff_identity",
    "allauth.account.middleware.AccountMiddleware",
    "payos.kernel.middleware.require_second_factor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "payos.urls"
WSGI_APPLICATION = "payos.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "payos.kernel.unfold.ribbon",
            ],
        },
    }
]

# Two roles: the owner migrates, the application role does everything else.
PAYOS_APP_ROLE = env.text("PAYOS_APP_ROLE", default="payos_app")
DATABASES = env.databases(embedded=EMBEDDED)
DATABASE_ROUTERS = ["payos.kernel.db.router.OwnerMigrates"]
REDIS_URL = env.text("REDIS_URL", default="", secret=True)
if not EMBEDDED and not REDIS_URL:
    env.refuse("REDIS_URL", "is missing: a server needs it (for example redis://cache:6379/0)")
KAFKA_BROKERS = env.text("KAFKA_BROKERS", default="")
# Where the demo data expect the sandbox bank; `serve` says where it really started it.
SANDBOX_URL = env.text("SANDBOX_URL", default="http://127.0.0.1:8900")
CACHES = {
    "default": {
        "BACKEND": "payos.kernel.cache.ForgivingRedisCache",
        "LOCATION": "lazy",
        # A cache that hangs must cost no more than a cache that is gone.
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}

AUTHENTICATION_BACKENDS = ["partners.authentication.LockingBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
ACCOUNT_ADAPTER = "partners.authentication.StaffAccountAdapter"
MFA_ADAPTER = "partners.secondfactor.StaffMFAAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False  # a session ends with the browser, or after SESSION_HOURS
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "PayOS"
REQUIRE_SECOND_FACTOR = env.boolean("REQUIRE_SECOND_FACTOR", default=not EMBEDDED)
LOGIN_FAILURE_LIMIT = env.integer("LOGIN_FAILURE_LIMIT", default=5, minimum=1, maximum=100)
LOGIN_LOCK_MINUTES = env.integer("LOGIN_LOCK_MINUTES", default=15, minimum=1, maximum=24 * 60)
SESSION_COOKIE_AGE = env.integer("SESSION_HOURS", default=10, minimum=1, maximum=24 * 14) * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_NAME = "payos_session"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "payos_csrf"

HTTPS = env.boolean("HTTPS", default=not EMBEDDED)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.boolean("BEHIND_PROXY", default=False) else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        # The console adds 'unsafe-eval' for itself (payos.kernel.adminsite); inline scripts run nowhere.
        "script-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
        "object-src": ["'none'"],
    }
}

LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = "payos.kernel.formats"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = EMBEDDED
WHITENOISE_AUTOREFRESH = False
RAW_STORE = Path(env.text("RAW_STORE", default=str(PAYOS_HOME / "raw")))
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["partners.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["payos.kernel.parsing.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["payos.kernel.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "payos.kernel.api.problem_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "PayOS API",
    "DESCRIPTION": "Payments in, transfers out, statements and the proof that the three agree.",
    "VERSION": "2026-11-01",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "GET_LIB_DOC_EXCLUDES": "payos.kernel.openapi.documented_elsewhere",
    "PREPROCESSING_HOOKS": ["payos.kernel.openapi.only_versioned"],
    # Enumerations stand where they are used: as components, equal names of different apps would collide.
    "POSTPROCESSING_HOOKS": ["payos.kernel.openapi.add_problems"],
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": True},
}
API_VERSIONS = ["2026-11-01"]
API_RATE_LIMIT = env.integer("API_RATE_LIMIT", default=6000, minimum=1, maximum=10_000_000)
API_RATE_WINDOW = env.integer("API_RATE_WINDOW_SECONDS", default=60, minimum=1, maximum=3600)
API_MAX_BODY = env.integer("API_MAX_BODY_BYTES", default=10 * 1024 * 1024, minimum=1024, maximum=1 << 30)
OUTBOX_DAYS = env.integer("OUTBOX_DAYS", default=30, minimum=1, maximum=3650)
IDEMPOTENCY_HOURS = env.integer("IDEMPOTENCY_HOURS", default=24, minimum=24, maximum=24 * 90)
LEAKED_KEY_PREFIX = "sk_"
# Webhooks to loopback and private networks: for development; metadata and link-local addresses are refused always.
REFERENCE_DAYS = env.integer("REFERENCE_DAYS", default=90, minimum=0, maximum=36500)
WEBHOOKS_ALLOW_PRIVATE = env.boolean("WEBHOOKS_ALLOW_PRIVATE", default=EMBEDDED)
WEBHOOKS_RETRY_SECONDS = env.seconds("WEBHOOKS_RETRY_SECONDS", default=[300, 3600, 21_600, 60_900])

EMAIL_BACKEND = (
    "django.core.mail.backends.filebased.EmailBackend"
    if EMBEDDED and not env.text("EMAIL_URL", default="", secret=True)
    else "django.core.mail.backends.smtp.EmailBackend"
)
EMAIL_FILE_PATH = str(PAYOS_HOME / "mail")
globals().update(env.email())
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="payos@localhost")

PROMETHEUS_EXPORT_MIGRATIONS = False
# Read by the Prometheus client itself, before anything is counted; named here so that it is documented and checked.
PROMETHEUS_MULTIPROC_DIR = env.text("PROMETHEUS_MULTIPROC_DIR", default="")
if PROMETHEUS_MULTIPROC_DIR and not Path(PROMETHEUS_MULTIPROC_DIR).is_dir():
    env.refuse("PROMETHEUS_MULTIPROC_DIR", "names no folder: make it, empty, before the web server starts")
LOG_LEVEL = env.choice("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR"], default="INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", ["json", "console"], default="console" if EMBEDDED else "json")
LOGGING = log_config(level=LOG_LEVEL, form=LOG_FORMAT)

ENVIRONMENT_NAME = env.text("ENVIRONMENT_NAME", default="Development" if EMBEDDED else "Production")
from payos.kernel.unfold import UNFOLD  # noqa: E402,F401  the console's look and navigation

env.finish()
