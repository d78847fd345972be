"""Amounts leave the service as decimal credits alone: in responses, logs, metrics, the commands of
operators, and in what audit and repair say."""

import re
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from service import cli
from service.app import create_app
from service.core.logs import configure
from service.core.metrics import EmbeddedMetrics
from service.identity.operations import Identity
from service.jobs.work import Charge
from service.providers.base import TaskStatus
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import IMAGE, ServiceHarness
from tests.repair.items import change, remove

PRICE, WELCOME = Decimal("0.337"), Decimal("1.013")
EXCESS = 3
# Thousandths of the welcome, of one price and more, and of what is left behind each hold.
THOUSANDTHS = (1013, 337, 337 + EXCESS, 674, 1011, 1013 - 337, 1013 - 674)
LEAK = re.compile(r"(?<![\w.-])-?(?:" + "|".join(map(str, THOUSANDTHS)) + r")(?!\w|\.\d)")


def test_a_leak_is_noticed() -> None:
    for text in ('"held":337', "held is 337.", "337, then", "credits=1013 ", "(337)"):
        assert LEAK.search(text), text
    for text in ("0.337", "1.013", "job_01337", "20.337Z", "lot_00000000000337", "337.5"):
        assert not LEAK.search(text), text


@pytest.fixture
def world(client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    environment = operator_environment(client.meta.endpoint_url, table_name)
    for name, value in {**environment, "WELCOME_CREDITS": str(WELCOME)}.items():
        monkeypatch.setenv(name, value)
    return ServiceHarness(client, table_name, price=PRICE, welcome_credits=WELCOME)


@pytest.fixture
def written(world: ServiceHarness) -> StringIO:
    """What the process logs and measures."""
    out = StringIO()
    configure("INFO", "json", out)
    world.settlement._metrics = EmbeddedMetrics(out, world.clock, "test", "worker")
    return out


@pytest.fixture
def browser(world: ServiceHarness) -> Any:
    world.parts.get(Identity)._trust_bare = True
    return create_app(world.parts).test_client()


def post(browser: Any) -> Any:
    body = {"GoogleID": "ann", "Fingerprint": "phone", "imageUrl": IMAGE, "promptKey": "foo_prompt"}
    return browser.post("/videos", json=body)


def charged(world: ServiceHarness) -> str:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    return job_id


def charged_in_part(world: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than it held is a loss; so is a delivery after the release."""
    work = world.operations.work("kling:image2video")
    with monkeypatch.context() as patched:
        patched.setattr(work, "charge", lambda *_: Charge(337 + EXCESS))
        charged(world)
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.FAILED)
    world.work_until(60)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)


def test_responses_show_decimal_credits(world: ServiceHarness, browser: Any) -> None:
    texts = [post(browser).text for _ in range(4)]
    assert '"required":0.337' in texts[-1]
    assert '"available":0.002' in texts[-1]
    assert "costs 0.337 and 0.002 are available" in texts[-1]
    signed_in = {"X-Google-ID": "ann"}
    texts += [browser.get(path, headers=signed_in).text for path in ("/credits", "/jobs")]
    assert re.search(r'"credits":0\.002,.*"held":1\.011', texts[-2])
    assert [LEAK.findall(text) for text in texts if LEAK.search(text)] == []


def test_logs_and_metrics_count_decimal_credits(
    world: ServiceHarness, written: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    charged(world)
    charged_in_part(world, monkeypatch)
    text = written.getvalue()
    for shown in (
        '"credits": 0.337',
        '"cost_credits": 0.34',
        '"held_credits": 0.337',
        '"house_loss_credits": 0.337',
        '"HouseLossCredits": 0.003',
        '"HouseLossCredits": 0.337',
    ):
        assert shown in text or shown.replace(": ", ":") in text, shown
    assert LEAK.findall(text) == []


def test_the_commands_of_operators_print_decimal_credits(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = charged(world)
    for words, shown in {
        ("ledger", "ann"): "0.676 available",
        ("ledger", "ann", "--json"): '"available": 0.676',
        ("ledger", "ann", "--csv"): ",0.337,0.676,",
        ("job", "ann", job_id): "held 0.337, captured 0.337",
        ("job", "ann", job_id, "--json"): '"amount": 0.337',
    }.items():
        assert cli.main(list(words)) == 0
        text = "".join(capsys.readouterr())
        assert shown in text, text
        assert LEAK.findall(text) == []


def test_audit_and_repair_say_decimal_credits(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    charged(world)
    world.submit()
    change(
        world,
        "ann",
        "METADATA",
        "SET credits = :c, held = :h, granted = :g, lots[0][2] = :l",
        c={"N": "0.34"},
        h={"N": "0.674"},
        g={"N": "1.351"},
        l={"N": "0.34"},
    )
    found = [violation.what for violation in world.audit().violations]
    assert "credits is 0.34, its entries say 0.339" in found
    assert "held is 0.674, open jobs hold 0.337" in found
    remove(world, "ann", "ENTRY#000000000004")
    said = [*found, *(each.what for each in world.audit().violations)]
    for words in (["audit"], ["audit", "--repair"], ["audit", "--repair", "--yes"]):
        cli.main(words)
        said.append("".join(capsys.readouterr()))
    assert "write entry 4 (HOLD 0.337 for " in said[-1]
    assert "to version 4, 0.339 available, 0.337 held, 0.337 captured" in said[-1]
    assert [text for text in said if LEAK.search(text)] == []


def test_the_lots_that_the_audit_names_are_decimal_credits(world: ServiceHarness) -> None:
    charged(world)
    change(world, "ann", "METADATA", "SET lots[0][0] = :v", v={"N": "7"})
    found = [violation.what for violation in world.audit().violations]
    assert found == [
        "lots are 0.676 free of lot_00000000000007, "
        "its entries say 0.676 free of lot_00000000000100"
    ]
