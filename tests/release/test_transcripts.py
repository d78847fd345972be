"""Every release script does in every situation what was written, call by call and word by word."""

import pytest

from tests.infrastructure.deployments import ROOT
from tests.infrastructure.transcripts import differences


# About 170 runs, each of several processes.
@pytest.mark.timeout(300)
def test_no_script_does_anything_else_than_was_written() -> None:
    assert list(differences(ROOT)) == []
