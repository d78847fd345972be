"""What a video costs its user, and what it costs us."""

from dataclasses import replace
from typing import Any

import pytest

from service.catalog.operations import Catalog
from service.catalog.pricing import Counter
from service.catalog.store import read_operations, read_provider_rates
from service.core.errors import FareboxError
from service.jobs.entities import Job, JobStatus, ProviderCost, ProviderUnavailable
from service.jobs.work import AsynchronousWork
from service.providers.base import Task, TaskStatus
from service.providers.kling.models import MODELS
from service.storage.table import StorageUnavailable
from service.uploads.entities import Facts, UploadKind, UploadNotFound, UploadSource
from service.uploads.operations import Uploads
from service.videos.entities import VideoBody, VideoModel
from tests.doubles.meter import Meter
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import IMAGE, ServiceHarness

OPERATION = "kling:image2video"
ANN = "110248495921238986420"


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, provider=LikeKling())


def work(world: ServiceHarness) -> AsynchronousWork:
    return world.operations.work(OPERATION)


def delivered(units: int | None = None) -> Task:
    facts = {"videos": ({"id": "v", "duration": "5.1"},)}
    return Task("task-1", TaskStatus.SUCCEEDED, facts, "https://cdn.example.com/v.mp4", units=units)


def test_the_units_that_kling_reports_are_what_it_bills(world: ServiceHarness) -> None:
    job = world.submit().job
    cost = work(world).charge(job, delivered(units=3_500_000)).provider_cost
    assert cost == ProviderCost(490_000, "USD")
    assert work(world).charge(job, delivered(units=0)).provider_cost == ProviderCost(0, "USD")


def test_a_part_of_a_millionth_counts_as_a_whole_one(world: ServiceHarness) -> None:
    cost = work(world).charge(world.submit().job, delivered(units=1)).provider_cost
    assert cost == ProviderCost(1, "USD")


def test_without_units_the_reviewed_rate_of_the_model_decides(world: ServiceHarness) -> None:
    charge = work(world).charge(world.submit().job, delivered())
    assert charge.provider_cost == ProviderCost(490_000, "USD")
    assert charge.usage == {"videos": 1, "milliseconds": 5100}


def test_every_model_and_mode_has_a_reviewed_cost() -> None:
    models = read_provider_rates()[OPERATION].models
    assert set(models) == {
        f"{name}/{mode}" for name, model in MODELS.items() for mode in model.modes
    }
    assert all(micros > 0 for rates in models.values() for micros in rates.values())


def test_a_model_without_a_rate_books_no_cost(world: ServiceHarness) -> None:
    catalog = world.parts.get(Catalog)
    usage = VideoModel("new", 5).usage
    assert catalog.provider_cost(OPERATION, "kling-v9/pro", usage) is None
    assert catalog.provider_cost("kling:other", "kling-v1/pro", usage) is None


def test_a_video_can_be_priced_by_all_that_its_operation_counts() -> None:
    (operation,) = [each for each in read_operations() if each.name == OPERATION]
    assert operation.counters == set(VideoModel("kling-v1/pro", 5).usage)
    assert VideoModel("kling-v1/pro", 10).usage[Counter.MILLISECONDS] == 10_000


def test_the_cost_is_stored_with_the_job_and_costs_no_further_write_unit(
    client: Any, world: ServiceHarness
) -> None:
    job = world.submit(ANN).job
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    meter = Meter(world.dynamodb, client)
    with meter.watch() as captured:
        world.settlement.resolve(ANN, job.job_id)
    assert captured.max_bytes["JOB"] <= 1024
    stored = world.job(job.job_id, ANN)
    assert stored.provider_cost == ProviderCost(490_000, "USD")
    assert world.audit().violations == ()


def test_a_delivery_after_the_release_books_what_it_cost_us(world: ServiceHarness) -> None:
    job = world.submit().job
    world.work_until(2 * 24 * 3600, step=3600)
    assert world.job(job.job_id).failure == "PROVIDER_UNRESOLVED"
    world.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job.job_id)
    free = world.job(job.job_id)
    assert (free.captured, free.house_loss) == (0, 1000)
    assert free.provider_cost == ProviderCost(490_000, "USD")
    assert world.audit().violations == ()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"price_terms": "s0.25"}, "its price is not the one that its version names"),
        ({"price_terms": "free"}, "its price terms are not those of a price"),
        ({"price_version": "00000000"}, "its price is not the one that its version names"),
    ],
)
def test_a_job_with_another_price_than_its_version_names_is_found(
    world: ServiceHarness, changes: dict[str, str], fault: str
) -> None:
    """Even if it were sealed."""
    job: Job = replace(world.submit().job, **changes)
    names = {"price_terms": "priceTerms", "price_version": "priceVersion"}
    for name, value in changes.items():
        world.client.update_item(
            TableName=world.table._name,
            Key={"PK": {"S": f"USER#{job.payer}"}, "SK": {"S": f"JOB#{job.job_id}"}},
            UpdateExpression=f"SET {names[name]} = :v",
            ExpressionAttributeValues={":v": {"S": value}},
        )
    assert fault in {violation.what for violation in world.audit().violations}


def test_a_quote_for_a_body_is_its_price(world: ServiceHarness) -> None:
    estimate = work(world).estimate(VideoBody(IMAGE, "foo_prompt"))
    assert (estimate.amount, estimate.price_terms) == (1000, "")


class Files:
    """Uploads that are there, and then are not."""

    def __init__(self, *outcomes: UploadSource | FareboxError) -> None:
        self.outcomes = list(outcomes)

    def source(self, user_id: str, upload_id: str, kind: UploadKind) -> UploadSource:
        assert (user_id, upload_id, kind) == (ANN, UPLOAD, UploadKind.IMAGE)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, FareboxError):
            raise outcome
        return outcome


UPLOAD = "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"
SOURCE = UploadSource("https://b.s3.example/x?s", UploadKind.IMAGE, "image/png", 9, Facts(320, 320))


def with_files(client: Any, table_name: str, *outcomes: UploadSource | FareboxError) -> Any:
    files = {Uploads: Files(*outcomes)}
    return ServiceHarness(client, table_name, provider=LikeKling(), replacements=files)


def test_the_provider_receives_a_link_to_an_upload(client: Any, table_name: str) -> None:
    # A sign-up in between has the request validated twice.
    world = with_files(client, table_name, SOURCE, SOURCE, SOURCE)
    job = world.submit(ANN, image=f"upload:{UPLOAD}").job
    assert [request.image for request in world.provider.sent] == [SOURCE.url]
    assert SOURCE.url not in str(world.items())
    assert job.status is JobStatus.SUBMITTED


@pytest.mark.parametrize("error", [StorageUnavailable(), UploadNotFound()], ids=type)
def test_an_upload_that_is_gone_by_then_is_never_sent_and_costs_nothing(
    client: Any, table_name: str, error: FareboxError
) -> None:
    world = with_files(client, table_name, SOURCE, SOURCE, error)
    with pytest.raises(ProviderUnavailable):
        world.submit(ANN, image=f"upload:{UPLOAD}")
    assert world.provider.sent == []
    assert world.balance(ANN) == (3, 0, 0)


def test_an_upload_that_is_refused_signs_no_one_up(client: Any, table_name: str) -> None:
    world = with_files(client, table_name, UploadNotFound())
    with pytest.raises(UploadNotFound):
        world.submit(ANN, image=f"upload:{UPLOAD}")
    assert world.items() == []
    assert world.provider.sent == []
