"""The web process as gunicorn starts it: `gunicorn service.wsgi:app`."""

import sys

from service.app import build, create_app, load_settings
from service.core.errors import FareboxError
from service.core.logs import configure
from service.core.settings import SettingsError

try:
    settings = load_settings()
    configure(settings.core.log_level, settings.core.log_format)
    app = create_app(build(settings, service="web"))
except (SettingsError, FareboxError) as error:
    sys.exit(str(error))
