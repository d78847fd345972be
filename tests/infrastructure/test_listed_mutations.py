"""A list of mistakes is read from a file and applied one by one."""

import json
from pathlib import Path

import pytest

from tests.infrastructure.permissions import recorded_calls
from tests.infrastructure.template_mutations import listed
from tests.infrastructure.template_mutations.listed import (
    INVALID,
    NOTICED,
    SURVIVED,
    read,
    verdict,
)
from tests.infrastructure.template_mutations.mutation import TemplateMutation


def mistakes(tmp_path: Path, *given: dict[str, str]) -> list[tuple[str, TemplateMutation]]:
    path = tmp_path / "mistakes.json"
    path.write_text(json.dumps(given), encoding="utf-8")
    return read(path)


@pytest.mark.parametrize(
    ("old", "new", "word", "by"),
    [
        ("worker_class = limited(", "worker_class = (", NOTICED, ""),
        ('"""', "", INVALID, "the text is in docker/gunicorn.conf.py"),
        ("not there", "", INVALID, "the text is in docker/gunicorn.conf.py 0 times"),
    ],
)
def test_each_mistake_gets_its_verdict(
    old: str, new: str, word: str, by: str, tmp_path: Path
) -> None:
    given = {"file": "docker/gunicorn.conf.py", "old": old, "new": new, "kind": "server"}
    ((kind, mutation),) = mistakes(tmp_path, given)
    found, what = verdict(mutation, recorded_calls(), frozenset())
    assert (kind, found) == ("server", word)
    assert by in what


def test_what_nothing_notices_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "first_failing_check", lambda *_: None)
    given = {"file": "docker/Dockerfile", "old": "EXPOSE 8080", "new": "EXPOSE 80", "kind": "image"}
    ((_, mutation),) = mistakes(tmp_path, given)
    assert verdict(mutation, (), frozenset()) == (SURVIVED, "")


def test_a_place_can_be_named_by_what_stands_before_it(tmp_path: Path) -> None:
    given = {
        "file": "cloudformation/base.yaml",
        "old": "TargetType: ip",
        "new": "TargetType: instance",
        "after": "\n  TargetGroup:\n",
        "kind": "balancer",
    }
    ((_, mutation),) = mistakes(tmp_path, given)
    assert verdict(mutation, recorded_calls(), frozenset()) == (
        NOTICED,
        "balancer.targets_are_addresses",
    )
