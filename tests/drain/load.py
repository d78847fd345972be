"""Users who have videos made."""

import uuid

from tests.drain.user import User

IMAGE = "https://images.example.com/astronaut.jpg"
WAIT_SECONDS = 2
MAX_READS = 120


class Client(User):
    """Places a video, waits for it, and reads the balance."""

    def __init__(self, port: int, subject: str, token: str, welcome_credits: int) -> None:
        super().__init__(port, subject, token)
        self._welcome = welcome_credits
        self.delivered = 0

    def play(self) -> None:
        body = {
            "GoogleID": self.subject,
            "Fingerprint": f"device-of-{self.subject}",
            "imageUrl": IMAGE,
            "promptKey": "foo_prompt",
        }
        job = self.request("POST", "/videos", body, {"Idempotency-Key": str(uuid.uuid4())})
        if job is None:
            return
        self.jobs.append(job["jobId"])
        if self._outcome(job["jobId"]) != "SUCCEEDED":
            return
        self.delivered += 1
        self._compare()

    def _outcome(self, job_id: str) -> str:
        """How the job ended. Looks again after a failed look, for the job goes on without us."""
        status = "SUBMITTED"
        for _ in range(MAX_READS):
            self.request("GET", "/credits")
            job = self.request("GET", f"/jobs/{job_id}?wait={WAIT_SECONDS}")
            status = job["status"] if job else status
            if status in ("SUCCEEDED", "FAILED"):
                break
        if status != "SUCCEEDED":
            self.failures.append(f"job {job_id} is {status}")
        return status

    def _compare(self) -> None:
        found = self.request("GET", "/credits")
        wanted = self._welcome - self.delivered
        if (
            found is not None
            and not self.failures
            and (found["credits"], found["held"]) != (wanted, 0)
        ):
            self.failures.append(
                f"{self.subject} has {found['credits']} credits, {wanted} are right"
            )
