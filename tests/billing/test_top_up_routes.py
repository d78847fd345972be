"""Which refused requests have an automatic top-up looked at."""

import pytest
from flask import Flask, Response, g

from service.billing.top_up_routes import buy_after_refusals
from service.billing.top_up_sweeps import TopUpTriggers
from service.core.principal import Principal
from service.core.scopes import Minted
from service.ledger.entities import InsufficientCredits
from tests.billing.test_top_ups import TopUpWorld

MINTED = Minted("key_1", frozenset(), has_ceiling=True)


@pytest.mark.parametrize("status", [402, 403], ids=["an address of OpenAI's", "any other"])
@pytest.mark.parametrize("minted", [None, MINTED], ids=["own session", "minted session"])
def test_only_a_request_of_the_user_s_own_has_credits_bought(
    minted: Minted | None, status: int
) -> None:
    world = TopUpWorld()
    world.enable(threshold=2000)
    world.top_ups.run("ann")
    app = Flask(__name__)
    buy_after_refusals(app, TopUpTriggers(world.top_ups, world.clock))

    @app.get("/refused")
    def refuse() -> Response:
        g.principal = Principal("us", "ann", minted=minted)
        g.error_code = InsufficientCredits.code
        return Response(status=status)

    app.test_client().get("/refused")
    due_at = world.clock.now() if minted is None else None
    assert world.setting().due_at == due_at
