import json
from pathlib import Path
from typing import Any

import pytest

from service.app import build, create_app, sections
from service.settings import make_settings
from tests.clients.node import node_folder
from tests.journeys.conftest import start
from tests.stack.stack_settings import SETTINGS

__all__ = ["start"]


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The document as a client fetches it."""
    public = {"public_url": "http://127.0.0.1:8080", "app_url": "http://127.0.0.1:8080/app"}
    app = create_app(build(make_settings(sections(), SETTINGS | public), service="web"))
    served = app.test_client().get("/openapi.json")
    return dict(json.loads(served.data))


@pytest.fixture(scope="session")
def document_file(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_text(json.dumps(document))
    return file


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with the packages of `package.json`."""
    return node_folder()
