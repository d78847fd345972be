"""`farebox audit --record`, as the scheduled task runs it: real processes over DynamoDB Local, and
a moto that serves S3."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from service import cli
from service.audit.daily import AuditTaken, DailyAudit
from service.audit.records import (
    STALE_MILLISECONDS,
    Record,
    State,
    sealed_body,
    unsealed_body,
)
from tests.doubles.eventually import eventually
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import MAC_KEY, ServiceHarness

ROOT = Path(__file__).parents[2]
USERS = 6
SEGMENTS = "4"
SLOW = "12"
FAST = "5000"


@dataclass
class Site:
    """The environment of the processes, and what they leave."""

    s3: Any
    bucket: str
    client: Any
    table_name: str

    @property
    def words(self) -> list[str]:
        return ["audit", "--json", "--segments", SEGMENTS, "--record", f"s3://{self.bucket}/audit"]

    def start(self, rate: str = FAST) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "service.cli", *self.words, "--reads-per-second", rate]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, env=os.environ, **pipes)

    def run(self) -> tuple[int, str, str]:
        with self.start() as process:
            out, on_segment = process.communicate(timeout=120)
        return process.returncode, out, on_segment

    @property
    def key(self) -> str:
        (key,) = [each for each in self.keys() if "anchors" not in each]
        return key

    def keys(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket)
        return [str(found["Key"]) for found in listed.get("Contents", [])]

    def record(self) -> Record:
        body = self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        return Record.from_body(unsealed_body(self.key, body, MAC_KEY))

    def put(self, record: Record) -> None:
        body = sealed_body(self.key, record.body(), MAC_KEY)
        self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=body)

    def some_way(self) -> bool:
        """Whether a run has come beyond its first segment."""
        if not self.s3.list_objects_v2(Bucket=self.bucket).get("Contents"):
            return False
        progress = self.record().progress
        return progress is not None and progress.cursor.segment > 0 and progress.audit.users > 0


@pytest.fixture
def site(
    client: Any, table_name: str, s3: Any, s3_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Site:
    environment = {"AWS_ENDPOINT_URL_S3": s3_url} | operator_environment(
        client.meta.endpoint_url, table_name
    )
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world = ServiceHarness(client, table_name)
    for number in range(USERS):
        world.submit(f"user-{number}", f"device-{number}", key="k")
    return Site(s3, bucket, client, table_name)


def lose_a_head(site: Site, number: int) -> None:
    where = {"PK": {"S": f"USER#user-{number}"}, "SK": {"S": "METADATA"}}
    site.client.update_item(TableName=site.table_name, Key=where, UpdateExpression="REMOVE head")


def uninterrupted(capsys: pytest.CaptureFixture[str]) -> Any:
    cli.main(["audit", "--json", "--segments", SEGMENTS])
    return json.loads(capsys.readouterr().out)


@pytest.mark.sample
def test_what_is_killed_in_the_middle_goes_on_from_its_place(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(USERS):
        lose_a_head(site, number)
    whole = uninterrupted(capsys)
    with site.start(SLOW) as process:
        eventually(site.some_way, 120)
        process.kill()
        process.communicate()
    died = site.record()
    assert (process.returncode, died.state) == (-signal.SIGKILL, State.RUNNING)
    code, out, on_segment = site.run()
    assert (code, out) == (0, "")
    assert "Another run is at the audit" in on_segment
    assert site.record() == died
    site.put(replace(died, written=died.written - STALE_MILLISECONDS))
    code, out, on_segment = site.run()
    assert died.progress
    assert (
        f"goes on in segment {died.progress.cursor.segment} of {SEGMENTS} at "
        f"{died.progress.cursor.token()}" in on_segment
    )
    assert "segment 0 of 4 is done" not in on_segment
    assert "segment 3 of 4 is done" in on_segment
    assert (code, sorted_result(json.loads(out))) == (1, sorted_result(whole))
    assert '"AuditViolations":6' in on_segment.replace(" ", "")
    again, out, on_segment = site.run()
    assert (again, sorted_result(json.loads(out))) == (1, sorted_result(whole))
    assert "finished at" in on_segment
    assert "AuditViolations" not in on_segment


@pytest.mark.sample
def test_what_is_terminated_writes_its_place_and_the_next_goes_on_at_once(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = uninterrupted(capsys)
    with site.start(SLOW) as process:
        eventually(site.some_way, 120)
        process.terminate()
        out, on_segment = process.communicate(timeout=120)
    record = site.record()
    assert (process.returncode, record.state, json.loads(out)["complete"]) == (
        2,
        State.STOPPED,
        False,
    )
    assert record.progress
    assert (
        f"the next start with this record goes on at {record.progress.cursor.token()}" in on_segment
    )
    assert "AuditViolations" not in on_segment
    code, out, on_segment = site.run()
    assert (code, json.loads(out), site.record().runs) == (0, whole, 2)


def sorted_result(on_segment: Any) -> Any:
    return on_segment | {"violations": sorted(on_segment["violations"], key=str)}


def test_a_run_that_is_overtaken_ends_with_2_and_one_sentence(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_: object, **__: object) -> None:
        raise AuditTaken("Another run has gone on.")

    monkeypatch.setattr(DailyAudit, "run", overtaken)
    assert cli.main(site.words) == 2
    assert capsys.readouterr() == ("", "Another run has gone on.\n")


@pytest.mark.parametrize(
    "more",
    [
        ["--start", "WzEsMF0"],
        ["--segment", "0"],
        ["--repair"],
        ["--repair", "--yes"],
        ["--copy"],
        ["--segments", "0"],
    ],
)
def test_a_record_is_of_the_whole_table_and_of_no_repair(
    site: Site, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*site.words, *more]) == 2
    assert capsys.readouterr().out == ""
    assert "Contents" not in site.s3.list_objects_v2(Bucket=site.bucket)


@pytest.mark.parametrize(
    "address", ["", "records/audit", "s3://records", "s3://records/", "s3:///audit", "s3://r/a b"]
)
def test_an_address_names_a_bucket_and_a_prefix(address: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["audit", "--record", address])


def test_a_slash_at_the_end_of_a_prefix_names_the_same_record(site: Site) -> None:
    assert cli.main(["audit", "--record", f"s3://{site.bucket}/audit/"]) == 0
    assert site.key.count("/") == 1
    assert cli.main(["audit", "--record", f"s3://{site.bucket}/audit"]) == 0
