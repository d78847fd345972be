"""Every mutation of the catalog still applies, and a sample of them is caught (all of them: `make
template-mutations`)."""

from pathlib import Path

import pytest

from tests.infrastructure.deployments import ROOT
from tests.infrastructure.permissions import recorded_calls
from tests.infrastructure.template_mutations.catalog import MUTATIONS
from tests.infrastructure.template_mutations.mutation import TemplateMutation
from tests.infrastructure.template_mutations.verdicts import (
    apply,
    copy_sources,
    failing_checks,
    first_failing_check,
    mutated,
)
from tests.infrastructure.texts import text_of

SAMPLE = {
    "user-root": "containers.no_container_runs_as_root",
    "drain-longer-than-the-stop": "containers.every_container_may_take_the_time_it_needs_to_stop",
    "service-before-its-listener": ("release_calls.a_deployment_goes_through_its_steps_in_order"),
    "targets-are-instances": "balancer.targets_are_addresses",
    "answer-not-defined": "firewall.every_response_of_the_firewall_is_defined",
    "keys-made-anew": "storage.no_template_writes_the_value_of_a_secret",
    "web-may-not-update": "roles: web may not dynamodb:UpdateItem",
    "preflights-counted-with-requests": "limits.a_preflight_does_not_use_up_the_limit_of_its_page",
    "credential-counted-by-its-spelling": (
        "limits.a_credential_is_counted_alike_however_it_is_spelled"
    ),
    "managed-rule-misspelt": "firewall.every_refusal_of_a_managed_rule_has_our_response",
    "any-bucket-through-the-gateway": "network.the_s3_gateway_allows_only_layers_and_our_buckets",
    "few-errors-unheard": "paging.little_traffic_that_all_fails_pages_within_a_quarter_of_an_hour",
    "alarm-in-two-pages": "paging.no_page_hides_another",
    "dashboard-of-nothing": "watching.the_dashboard_shows_metrics_that_exist",
    "records-not-retained": "storage.everything_that_holds_data_is_retained",
    "records-under-another-prefix": "network.the_s3_gateway_allows_what_a_task_may_do",
    "audit-may-not-read-its-records": "roles: audit may not s3:GetObject",
    "audit-may-write": "roles.no_request_may_scan_the_table",
    "audit-without-a-record": "services.the_daily_audit_resumes_where_it_stopped",
    "missing-audit-noticed-at-once": "watching.an_audit_that_never_ends_is_noticed",
    "rule-for-tls-lost": "stacks.production_cannot_be_deployed_with_a_weak_choice",
    "certificate-by-mail": "doors.a_certificate_is_made_where_a_zone_stands_in_for_one",
    "hook-retries": "forwarder.what_is_late_but_in_time_is_forwarded",
    "pool-deleted-with-its-stack": "identity.whoever_signs_in_is_never_lost",
    "image-with-the-simulators": "image.what_is_built_by_default_is_what_is_deployed",
}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_mutation_applies_and_changes_the_text(mutation: TemplateMutation) -> None:
    text = text_of(ROOT / mutation.file)
    assert mutated(mutation, text) != text


def test_each_mutation_has_a_name_of_its_own() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 79


def test_without_a_mutation_no_check_fails(tmp_path: Path) -> None:
    assert list(failing_checks(copy_sources(tmp_path), recorded_calls())) == []


@pytest.mark.parametrize(("name", "check"), SAMPLE.items())
def test_the_right_check_catches_the_mutation(name: str, check: str, tmp_path: Path) -> None:
    (mutation,) = [mutation for mutation in MUTATIONS if mutation.name == name]
    apply(mutation, copy_sources(tmp_path))
    assert first_failing_check(tmp_path, recorded_calls()) == check
