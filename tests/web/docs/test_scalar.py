"""The vendored component is what it says it is, with its licence, and goes into every package."""

import fnmatch
import gzip
import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path

from service.web.docs import scalar

CHECKOUT = Path(__file__).parents[3]
SERVICE = CHECKOUT / "service"
VENDORED = SERVICE / "web" / "docs" / "vendor" / "scalar"
MAX_BYTES = 1_500_000


def test_the_bundle_is_the_published_one() -> None:
    content = gzip.decompress(scalar.bundle().body)
    assert hashlib.sha256(content).hexdigest() == scalar.SHA256
    assert f"`{scalar.VERSION}`".encode() in content


def test_the_bundle_stays_small_enough_for_a_repository_and_an_image() -> None:
    assert len(scalar.bundle().body) <= MAX_BYTES


def test_its_licence_and_those_of_its_parts_come_with_it() -> None:
    vendored = files("service.web.docs") / "vendor" / "scalar"
    licence = (vendored / "LICENSE").read_text()
    parts = (vendored / "THIRD-PARTY-LICENSES").read_text()
    assert f"@scalar/api-reference {scalar.VERSION}\n" in parts
    assert licence.startswith("MIT License")
    assert "Copyright (c) 2023-present Scalar" in licence
    assert sorted(path.name for path in VENDORED.iterdir()) == [
        "LICENSE",
        "THIRD-PARTY-LICENSES",
        "standalone.js.gz",
    ]


def test_every_file_of_the_page_is_in_the_package() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["service"]
    for path in (SERVICE / "web" / "docs").rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            name = path.relative_to(SERVICE).as_posix()
            assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name
