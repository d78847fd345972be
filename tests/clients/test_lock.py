import json
import re
from pathlib import Path

import pytest

from tests.clients.node import CLIENTS
from tests.installs import ROOT


def test_every_package_is_pinned_to_one_version() -> None:
    package = json.loads((CLIENTS / "package.json").read_text())
    for version in package["devDependencies"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_the_guide_names_the_tested_versions() -> None:
    package = json.loads((CLIENTS / "package.json").read_text())["devDependencies"]
    guide = (ROOT / "docs" / "frontend.md").read_text()
    named = dict(re.findall(r"npx (@?[\w/-]+)@([\d.]+)", guide))
    assert set(named) == {"@hey-api/openapi-ts", "openapi-typescript"}
    assert named.items() <= package.items()


@pytest.mark.parametrize(
    "folder", [CLIENTS, ROOT / "examples" / "react"], ids=lambda path: path.name
)
def test_the_lock_verifies_every_package_and_leaves_the_registry_to_npm(folder: Path) -> None:
    lock = json.loads((folder / "package-lock.json").read_text())
    packages = {path: each for path, each in lock["packages"].items() if path}
    assert packages
    for path, each in packages.items():
        assert each.get("integrity", "").startswith("sha512-"), path
        assert "resolved" not in each, path
