"""`OPTIONS` lists the methods of a path's own route."""

from service.web.allowed_methods import ServiceFlask

ONE, ALL = "/things/<thing>", "/things/all"


def test_a_route_with_a_variable_lends_its_methods_to_no_other() -> None:
    app = ServiceFlask("test")
    for method, rule in (("GET", ONE), ("DELETE", ONE), ("POST", ALL)):
        app.add_url_rule(rule, f"{method} {rule}", lambda: "", methods=[method])
    client = app.test_client()
    allowed = {
        path: set(client.options(path).headers["Allow"].split(", "))
        for path in ("/things/all", "/things/one")
    }
    assert allowed == {
        "/things/all": {"OPTIONS", "POST"},
        "/things/one": {"DELETE", "GET", "HEAD", "OPTIONS"},
    }
