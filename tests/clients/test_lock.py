import json
import re
from urllib.parse import urlsplit

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


def test_the_lock_verifies_every_package_and_names_no_registry_but_the_public_one() -> None:
    lock = json.loads((CLIENTS / "package-lock.json").read_text())
    packages = {path: each for path, each in lock["packages"].items() if path}
    assert packages
    for path, each in packages.items():
        assert each.get("integrity", "").startswith("sha512-"), path
        address = urlsplit(each.get("resolved", "https://registry.npmjs.org/"))
        assert address.hostname == "registry.npmjs.org", path
