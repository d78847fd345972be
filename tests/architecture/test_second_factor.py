"""Which operators' routes go without a second factor, each a decision of its own."""

from service.app import create_app
from service.web.endpoint import Access, declared_endpoints
from tests.doubles.service_harness import memory_world

# A route that moves credits or money, or changes who may do what, can have no place here.
WITHOUT = {
    "POST /admin/search": "reads; what it searches for is in the body because addresses are logged",
    "POST /admin/passkeys": "needs an enrolment code, which a second factor has made",
    "POST /admin/passkeys/proofs": "makes the proof, of a passkey's signature",
    "POST /admin/users/<user_id>/notes": "adds a line to the operators' log and nothing else",
}


def test_whatever_operators_change_needs_a_second_factor_but_for_what_is_listed() -> None:
    """Routes that are read with GET change nothing."""
    routes = [
        (f"{method} {rule}", declared)
        for rule, method, declared in declared_endpoints(create_app(memory_world().parts))
        if declared.access is Access.OPERATOR and method != "GET"
    ]
    assert len(routes) > 20
    assert {name for name, declared in routes if not declared.second_factor} == WITHOUT.keys()


def test_a_second_factor_is_required_of_operators_who_have_signed_in_lately() -> None:
    """A proof is bound to a sign-in, which a route that needs none does not know."""
    for rule, method, declared in declared_endpoints(create_app(memory_world().parts)):
        if declared.second_factor:
            assert declared.access is Access.OPERATOR, f"{method} {rule}"
            assert declared.fresh, f"{method} {rule}"
