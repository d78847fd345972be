"""The web process as gunicorn starts it: `gunicorn service.wsgi:app`."""

import sys

from service.app import build, create_app
from service.core.errors import FareboxError
from service.core.logs import configure
from service.settings import Settings, SettingsError

try:
    settings = Settings.from_environment()
    configure(settings.log_level, settings.log_format)
    app = create_app(build(settings, service="web"))
except (SettingsError, FareboxError) as error:
    sys.exit(str(error))
