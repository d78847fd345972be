"""Makes a video with the client that openapi-python-client generates, and prints the job."""

import json
import sys
import typing
import uuid

from farebox_client import AuthenticatedClient
from farebox_client.api.jobs import get_job
from farebox_client.api.videos import create_video
from farebox_client.models import ErrorResponse, Job, JobResponse, JobStatus, VideoRequest

OPEN = (JobStatus.SUBMITTING, JobStatus.SUBMITTED)


def job_of(response: ErrorResponse | JobResponse | None) -> Job:
    if not isinstance(response, JobResponse):
        raise SystemExit(str(response))
    return response.data


def make_video(client: AuthenticatedClient, user: str) -> Job:
    body = VideoRequest(
        google_id=user,
        fingerprint=f"fp-{user}",
        image_url="https://images.example.com/astronaut.jpg",
        prompt_key="foo_prompt",
    )
    key = str(uuid.uuid4())
    job = job_of(create_video.sync(client=client, body=body, idempotency_key=key))
    while job.status in OPEN:
        job = job_of(get_job.sync(client=client, job_id=job.job_id, wait=20))
    return job


def main(url: str, token: str, user: str) -> None:
    with AuthenticatedClient(url, token, timeout=60) as client:
        job = make_video(client, user)
        refused = get_job.sync(client=client, job_id="job_of_no_one")
    returned = typing.get_args(typing.get_type_hints(create_video.sync)["return"])
    report = {
        "jobId": job.job_id,
        "status": job.status,
        "outcome": job.video_url,
        "createdAt": job.created_at.isoformat(),
        "refused": refused.code if isinstance(refused, ErrorResponse) else None,
        "returned": sorted(each.__name__ for each in returned),
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
