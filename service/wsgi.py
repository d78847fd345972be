"""The web process as gunicorn starts it: `gunicorn service.wsgi:app`."""

import atexit
import sys

from service.app import build, create_app, load_settings, prepare_document
from service.core.errors import FareboxError
from service.core.logs import configure
from service.core.settings import SettingsError
from service.core.sweep import run_in_background
from service.ledger.scale import check_scale

try:
    settings = load_settings()
    configure(settings.core.log_level, settings.core.log_format)
    parts = build(settings, service="web")
    check_scale(parts.core.table)
    app = create_app(parts)
    prepare_document(app)
    run_in_background(parts.web_sweeps())
    # gunicorn's workers leave the interpreter the usual way, after their last request.
    atexit.register(parts.close)
except (SettingsError, FareboxError) as error:
    sys.exit(str(error))
