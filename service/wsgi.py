"""The web process as gunicorn starts it: `gunicorn service.wsgi:app`."""

import sys

from service.app import build, create_app, load_settings
from service.core.errors import FareboxError
from service.core.logs import configure
from service.core.settings import SettingsError
from service.ledger.scale import check_scale

try:
    settings = load_settings()
    configure(settings.core.log_level, settings.core.log_format)
    parts = build(settings, service="web")
    check_scale(parts.core.table)
    app = create_app(parts)
except (SettingsError, FareboxError) as error:
    sys.exit(str(error))
