"""The start page of the local stack: its policy, its address, its files."""

import re

from devstack.simulators.start.routes import content_security_policy
from tests.devstack.simulators.stack import Start

APP_URL = "http://127.0.0.1:18080"


def test_the_page_names_the_service_and_may_call_nothing_else(start: Start) -> None:
    response = start(app_url=APP_URL).call("GET", "/")
    assert response.status_code == 200
    assert f'data-app-url="{APP_URL}"' in response.text
    policy = response.headers["Content-Security-Policy"]
    assert policy == content_security_policy(APP_URL)
    assert f"connect-src 'self' {APP_URL};" in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy


def test_everything_that_the_page_loads_or_links_to_here_is_there(start: Start) -> None:
    stack = start(app_url=APP_URL)
    page = stack.call("GET", "/").text
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert {"/start/start.css", "/start/start.js"} <= set(addresses)
    for address in addresses:
        if not address.startswith(APP_URL):
            assert stack.call("GET", address).status_code == 200, address


def test_the_page_has_nothing_inline_and_no_other_host(start: Start) -> None:
    stack = start(app_url=APP_URL)
    page = stack.call("GET", "/").text
    assert not re.search(r"\son\w+=|\sstyle=|<style", page)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == [""]
    script, style = (stack.call("GET", f"/start/start.{kind}").text for kind in ("js", "css"))
    assert not re.search(r"https?://(?!\$)|@import|url\(", script + style)


def test_by_another_name_the_page_leads_to_the_address_that_the_service_allows(
    start: Start,
) -> None:
    stack = start(app_url=APP_URL)
    host = stack.url.replace("http://127.0.0.1", "localhost")
    response = stack.call("GET", "/", headers={"Host": host}, allow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (302, f"{stack.url}/")


def test_the_links_of_mails_lead_to_a_page_that_shows_the_token(start: Start) -> None:
    stack = start(app_url=APP_URL)
    for path in ("/app/", "/app/verify-email"):
        response = stack.call("GET", path)
        assert response.status_code == 200
        assert response.headers["Content-Security-Policy"] == content_security_policy(APP_URL)
        assert "/start/app.js" in response.text
    assert stack.call("GET", "/start/app.js").status_code == 200


def test_the_faults_that_the_page_offers_are_ones_that_the_simulators_know(start: Start) -> None:
    stack = start(app_url=APP_URL)
    script = stack.call("GET", "/start/start.js").text
    offered = re.findall(r'operation: "(\w+)", fault: "([\w:-]+)"', script)
    assert len(offered) == script.count("effect:") == 5
    for operation, fault in offered:
        body = {"service": "kling", "operation": operation, "fault": fault}
        assert stack.call("POST", "/__faults", json=body).status_code == 200, fault
