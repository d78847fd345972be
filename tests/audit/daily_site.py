"""A table and a bucket in which the audit of a day runs, is killed and goes on."""

from collections.abc import Callable
from typing import Any

import boto3

from service.audit.daily import AuditRecords, DailyAudit, Ended
from service.audit.entities import Audit, ScanPlan
from service.audit.records import (
    STALE_MILLISECONDS,
    Record,
    day_of,
    sealed_body,
    unsealed_body,
)
from service.core.ids import RandomIds
from service.storage.objects import Objects
from tests.doubles.bucket import BucketWire
from tests.doubles.gauges import Gauges
from tests.doubles.service_harness import MAC_KEY, ServiceHarness

USERS = 7
SEGMENTS = 4
# Half a read unit a second: the clock, which is a double, goes on by some minutes in each walk.
PACE = 0.5
DAY_SECONDS = 24 * 3600
DAMAGED = {"USER#user-3/METADATA", "USER#user-5/METADATA"}


class Died(BaseException):
    """What `kill -9` looks like from inside: nothing more is done."""


class Site:
    """One table, one bucket, and as many starts of the day's audit as are wanted."""

    def __init__(self, world: ServiceHarness, s3: Any, bucket: str) -> None:
        self.world, self.s3, self.bucket = world, s3, bucket
        self.on_message: list[str] = []
        # Another client than the one that looks, so that faults hit only the former.
        own = boto3.client(
            "s3", endpoint_url=s3.meta.endpoint_url, region_name="us-east-1", config=s3.meta.config
        )
        self.own, self.wire = own, BucketWire(own)
        self.records = AuditRecords(Objects(own, bucket), "audit", MAC_KEY)
        self.daily = DailyAudit(world.auditor, self.records, world.clock, RandomIds())
        self.reads = world.wire().calls
        self.whole()
        self.world.auditor._metrics = self.gauges = Gauges()

    def start(
        self, stopping: Callable[[], bool] = lambda: False, pace: float | None = PACE
    ) -> Ended:
        return self.daily.run(
            ScanPlan(SEGMENTS),
            reads_per_second=pace,
            stopping=stopping,
            on_message=self.on_message.append,
        )

    def whole(self) -> Audit:
        """One uninterrupted run; `length` is how many reads it takes."""
        before = len(self.reads)
        audit = self.world.auditor.audit(ScanPlan(SEGMENTS), reads_per_second=PACE)
        self.length = len(self.reads) - before
        return audit

    def start_and_die(self, share: float = 0.6) -> bool:
        """Whether it died, after that share of a whole run; otherwise it had come to its end."""
        until = len(self.reads) + round(share * self.length)

        def dying() -> bool:
            if len(self.reads) >= until:
                raise Died
            return False

        try:
            self.start(dying)
        except Died:
            return True
        return False

    @property
    def key(self) -> str:
        return self.records.key(day_of(self.world.clock.now()))

    def body(self) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        return body

    def record(self) -> Record:
        return Record.from_body(unsealed_body(self.key, self.body(), MAC_KEY))

    def found(self) -> Audit:
        """What the record says was found so far."""
        progress = self.record().progress
        return progress.audit if progress else Audit()

    def put(self, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=body)

    def put_record(self, record: Record) -> None:
        self.put(sealed_body(self.key, record.body(), MAC_KEY))

    def versions(self) -> int:
        """Of the record."""
        listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=self.key)
        return len(listed.get("Versions", []))

    def later(self) -> None:
        """So much later that a record that no one writes is stale."""
        self.world.clock.advance(STALE_MILLISECONDS / 1000)


def damage(world: ServiceHarness, pk: str, sk: str, name: str) -> None:
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": pk}, "SK": {"S": sk}},
        UpdateExpression="SET #name = #name + :n",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":n": {"N": "1"}},
    )


def alike(one: Audit, other: Audit) -> bool:
    """The same result, whatever the order in which it was found."""
    counts = [
        (a.users, a.open_users, a.entries, a.jobs, a.claims, a.idempotency_keys)
        for a in (one, other)
    ]
    return counts[0] == counts[1] and sorted(one.violations) == sorted(other.violations)
