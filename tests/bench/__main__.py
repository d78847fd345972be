"""`make bench`: CPU per request of the hot paths beside the least that any service would do, in interleaved runs.

Bounded, on this machine only. Trust the ratios; the absolute figures are this machine's."""

import io
import os
import statistics
import time

from service.logs import configure
from tests.bench.canned import canned
from tests.bench.paths import KLING, Call, floor_paths, job_item, recorded_transaction, service_paths, wallet_item

ROUNDS = 9
REQUESTS = 150


def cpu_microseconds(call: Call) -> float:
    """CPU time of this process per request; the endpoints' own CPU is not in it."""
    started = time.process_time()
    for _ in range(REQUESTS):
        call()
    return (time.process_time() - started) / REQUESTS * 1e6


def compare(service: Call, floor: Call) -> tuple[float, float, list[float]]:
    for call in (service, floor):
        call()
    pairs = [(cpu_microseconds(service), cpu_microseconds(floor)) for _ in range(ROUNDS)]
    ratios = sorted(least / ours for ours, least in pairs)
    return statistics.median(ours for ours, _ in pairs), statistics.median(least for _, least in pairs), ratios


def main() -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    wallet, job = {"Item": wallet_item()}, {"Item": job_item()}
    table = {"TransactGetItems": {"Responses": [wallet, {}]}, "GetItem": wallet, "DynamoDB": {}}
    configure("ERROR", "json", io.StringIO())
    with canned(table) as dynamodb_url, canned(table | {"GetItem": job}) as jobs_url, canned({"": KLING}) as kling_url:
        ours = service_paths(dynamodb_url, kling_url)
        ours["GET /jobs/{id}"] = service_paths(jobs_url, kling_url)["GET /jobs/{id}"]
        least = floor_paths(dynamodb_url, kling_url, recorded_transaction(ours))
        print(f"{'path':16} {'service':>12} {'floor':>12} {'floor/service':>14}  spread")
        for name, call in ours.items():
            service, floor, ratios = compare(call, least[name])
            print(
                f"{name:16} {service:9.0f} µs {floor:9.0f} µs {statistics.median(ratios):14.2f}"
                f"  {ratios[0]:.2f} to {ratios[-1]:.2f}"
            )


if __name__ == "__main__":
    main()
