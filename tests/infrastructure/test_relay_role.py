"""The relay's role permits exactly the calls that sessions make, over DynamoDB Local."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from devstack.simulators.assemblyai.sockets import SpeechSockets
from tests.doubles.service_harness import ServiceHarness
from tests.infrastructure.deployments import EVERYTHING, deployment
from tests.infrastructure.permissions import Call, faults_of
from tests.infrastructure.recording import Recorder
from tests.live import relay_world
from tests.live.relay_world import RelayWorld, make_world, simulated

CHOSEN = {"AssemblyAiSecretArn": EVERYTHING["AssemblyAiSecretArn"]}
RELAYING = deployment("production", **CHOSEN)


@pytest.fixture(scope="module")
def sockets() -> Iterator[SpeechSockets]:
    found = simulated()
    yield found
    found.stop()


@pytest.fixture
def world(
    sockets: SpeechSockets, client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> RelayWorld:
    def over_dynamodb(**options: Any) -> ServiceHarness:
        return ServiceHarness(client, table_name, **options)

    monkeypatch.setattr(relay_world, "memory_world", over_dynamodb)
    return make_world(sockets)


async def talks(world: RelayWorld, ticket: str) -> None:
    """A session that is extended and finishes, and its ticket once more."""
    async with world.serving():
        async with world.caller(ticket) as caller:
            await caller.ready()
            await caller.speak(95)
            await caller.until("extended")
            await caller.finish()
        async with world.caller(ticket) as again:
            assert await again.closed() != 1000


def recorded(world: RelayWorld) -> set[Call]:
    """What a relay calls while it starts, probes its table, sweeps and serves. The process itself
    wraps data keys here, in the cloud KMS does. The secrets are those of its settings."""
    ticket, recorder = world.ticket(), Recorder({})
    with recorder.working("relay"):
        assert world.harness.parts.core.table.ready()
        for sweep in world.harness.parts.web_sweeps():
            sweep.run_once()
        asyncio.run(talks(world, ticket))
    besides = [("kms:Decrypt", "data key"), ("kms:GenerateDataKey", "data key")]
    besides += [("secretsmanager:GetSecretValue", name) for name in ("keys", "assemblyai")]
    return recorder.calls | {Call("relay", *each) for each in besides}


def test_no_permission_of_the_relay_is_missing_and_none_is_unused(world: RelayWorld) -> None:
    assert faults_of(RELAYING, "relay", sorted(recorded(world))) == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:DeleteItem", "table"),
        ("dynamodb:Scan", "table"),
        ("s3:GetObject", "uploads"),
        ("secretsmanager:GetSecretValue", "kling"),
        ("secretsmanager:GetSecretValue", "operators"),
        ("secretsmanager:PutSecretValue", "assemblyai"),
        ("kms:Encrypt", "data key"),
    ],
)
def test_a_call_that_no_relay_makes_is_forbidden(action: str, resource: str) -> None:
    call = Call("relay", action, resource)
    assert f"relay may not {action} on {resource}" in faults_of(RELAYING, "relay", [call])
