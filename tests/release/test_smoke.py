"""`release/smoke` believes 200 for health and 401 for strangers, and no other response."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.release.machine import ROOT

_OUTPUTS = "Url\thttps://api.example.com\nBalancerName\tb\nClusterName\tc\nWebServiceName\tw"


def smoke(folder: Path, health: str = "200", strangers: str = "401", document: str = "") -> int:
    """Exit code of the script where the service responds so."""
    document = document or '{"openapi": "3.1.0"}'
    programs = {
        "aws": f"case $* in *Outputs*) printf '{_OUTPUTS}\\n' ;; *) echo 2 ;; esac",
        "curl": (
            f"case $* in */health) printf '{health}' ;; */credits) printf '{strangers}' ;;"
            f" *) printf '{document}' ;; esac"
        ),
    }
    for name, text in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "STAGE": "dev", "SMOKE_TRIES": "1"}
    script = [str(ROOT / "release" / "smoke")]
    return subprocess.run(
        script, env=environment, capture_output=True, timeout=120, check=False
    ).returncode


def test_a_service_that_is_well_passes(tmp_path: Path) -> None:
    assert smoke(tmp_path) == 0


@pytest.mark.parametrize("code", ["000", "200", "204", "302", "400", "403", "404", "429", "500"])
def test_strangers_must_be_refused_with_401(tmp_path: Path, code: str) -> None:
    assert smoke(tmp_path, strangers=code) == 1


@pytest.mark.parametrize("code", ["000", "204", "301", "401", "404", "500", "503"])
def test_health_must_be_200(tmp_path: Path, code: str) -> None:
    assert smoke(tmp_path, health=code) == 1


@pytest.mark.parametrize("document", ["<html>", '{"openapi": "3.0.3"}', '{"swagger": "3.1.0"}'])
def test_the_document_must_be_ours(tmp_path: Path, document: str) -> None:
    assert smoke(tmp_path, document=document) == 1
