"""The main use case from end to end, as a client sees it. Each step is shown and checked."""

import json
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from devstack.calls import Response, call
from devstack.errors import LocalSetupError
from devstack.ports import Ports
from devstack.template import CHECKOUT
from devstack.terminal import Terminal
from devstack.welcome import new_subject, sign_in

_WAIT_SECONDS = 20
_COMMAND_SECONDS = 60
_IMAGE = "https://images.example.com/astronaut.jpg"
# The simulated AssemblyAI reads the length from the name; a minute costs 0.01 credits.
_AUDIO = "https://audio.example.com/talk-90s.mp3"
_AUDIO_COST = 0.015


# The steps below count on three credits.
DEMO_SETTINGS = {"WELCOME_CREDITS": "3"}


class DemoFailed(Exception):
    """A check of the demo failed; the message says which."""


class Demo:
    """Acts as a new user of a running, empty stack. Raises `DemoFailed` at the first check that
    fails."""

    def __init__(self, ports: Ports, environment: Mapping[str, str], terminal: Terminal) -> None:
        self._ports = ports
        self._environment = environment
        self._terminal = terminal
        self._subject = new_subject()
        self._token = ""
        self._step = 0
        self._checks = 0
        self._refusals = 0

    def run(self) -> None:
        """Takes about ten seconds. Ends with a summary of what was shown."""
        try:
            self._sign_in()
            self._one_video()
            self._refund()
            self._refusal()
            self._words()
            self._ledger_and_audit()
            self._summary()
        except (OSError, LocalSetupError, LookupError, TypeError) as error:
            raise DemoFailed(f"{type(error).__name__}: {error}") from error

    def _sign_in(self) -> None:
        self._heading(
            "Sign in", "A person signs in with Google (simulated here); the app gets an ID token."
        )
        # A mailbox has one account, so each new person has an address of their own.
        email = f"ada-{self._subject}@example.com"
        self._token = sign_in(self._ports.simulators_url, self._subject, email)
        self._terminal.say(f"  Google user {self._subject}, token {self._token[:16]}…")
        self._heading("Balance before", "This person is new: no credits, not registered.")
        self._balance(credits=0, held=0, registered=False)

    def _one_video(self) -> None:
        self._heading(
            "Request a video",
            "The first request creates the account with 3 free credits. "
            "One is held before Kling is called.",
        )
        key = str(uuid.uuid4())
        job = self._post_video(key)
        self._expect(
            job["credits"]["held"] == 1 and job["credits"]["remaining"] == 2,
            "1 credit is held, 2 are left",
        )
        self._heading("Wait for it", "This request returns when the job has ended.")
        job = self._wait(job["jobId"])
        self._expect(
            job["status"] == "SUCCEEDED" and job["credits"]["captured"] == 1,
            "the job succeeded and cost 1",
        )
        self._play(job["videoUrl"])
        self._heading("Balance after", "Charged once, for work that was delivered.")
        self._balance(credits=2, held=0, registered=True)
        self._heading(
            "The same request again",
            "An app that missed the response repeats it and gets the same job; nothing is charged.",
        )
        again = self._post_video(key)
        self._expect(again["jobId"] == job["jobId"], "it is the same job")
        self._balance(credits=2, held=0, registered=True)

    def _play(self, video_url: str) -> None:
        self._heading("Watch it", "The link in the response plays.")
        video = call("GET", video_url)
        kind = video.headers.get("Content-Type", "")
        self._terminal.say(f"  GET {video_url}\n  {video.status} {kind}, {len(video.body)} bytes")
        self._expect(
            video.status == 200 and kind == "video/mp4" and len(video.body) > 1000, "the link plays"
        )

    def _refund(self) -> None:
        self._heading(
            "A job that fails",
            "The simulated Kling fails the next job. The held credit is released.",
        )
        fault = {"service": "kling", "operation": "create", "fault": "job-fails"}
        armed = call("POST", f"{self._ports.simulators_url}/__faults", fault)
        self._expect(armed.status == 200, "the fault is armed")
        job = self._wait(self._post_video(str(uuid.uuid4()))["jobId"])
        self._expect(
            job["status"] == "FAILED" and job["credits"]["released"] == 1,
            "the job failed and its credit was released",
        )
        self._balance(credits=2, held=0, registered=True)

    def _refusal(self) -> None:
        self._heading("Use up the credits", "Two more videos are paid for …")
        jobs = [self._post_video(str(uuid.uuid4()))["jobId"] for _ in range(2)]
        self._heading("No credits left", "… and a third is refused before Kling is called.")
        refused = self._request_video(str(uuid.uuid4()))
        self._show(refused)
        code = refused.json()["code"]
        self._expect(
            refused.status == 403 and code == "INSUFFICIENT_CREDITS", "the request is refused"
        )
        self._refusals += 1
        self._heading("The videos that were paid for", "Both are delivered.")
        ended = [self._wait(job)["status"] for job in jobs]
        self._expect(ended == ["SUCCEEDED", "SUCCEEDED"], "both videos are delivered")
        self._balance(credits=0, held=0, registered=True)

    def _words(self) -> None:
        """By another person, so that the credits of the first one add up as they are shown."""
        first = self._subject, self._token
        self._subject = new_subject()
        email = f"grace-{self._subject}@example.com"
        self._token = sign_in(self._ports.simulators_url, self._subject, email)
        self._text()
        self._transcript()
        self._subject, self._token = first

    def _text(self) -> None:
        self._heading(
            "A text, as it is written",
            "Another person has a text streamed. Held is the most that it can cost.",
        )
        body = {"prompt": "Describe a lighthouse.", "maxTokens": 4000, "stream": True}
        response = self._post("/ai/generate", body)
        events = _events(response.body.decode())
        for name, data in events:
            if name in ("start", "delta", "usage"):
                self._terminal.say(f"  {name:<7}{self._terminal.dim(json.dumps(data))}")
        self._require(bool(events) and events[-1][0] == "done", "the stream ends with its job")
        job = events[-1][1]["job"]
        paid = job["credits"]
        self._expect(
            job["status"] == "SUCCEEDED" and 0 < paid["captured"] < job["receipt"]["held"],
            f"it cost {paid['captured']} of the {job['receipt']['held']} that were held",
        )

    def _transcript(self) -> None:
        self._heading(
            "A recording becomes subtitles",
            "Five minutes are held, and the minute and a half that it lasts is charged.",
        )
        response = self._post("/transcriptions", {"audioUrl": _AUDIO, "maxMinutes": 5})
        job = self._wait(self._job(response)["jobId"])
        subtitles = self._get(f"/transcriptions/{job['jobId']}?format=srt")
        lines = subtitles.body.decode().splitlines()
        self._terminal.say(_indented("\n".join(lines[:8])))
        self._expect(
            job["credits"]["captured"] == _AUDIO_COST and "-->" in lines[1],
            f"it cost {_AUDIO_COST}, and players can show it",
        )

    def _post(self, path: str, body: Mapping[str, object]) -> Response:
        self._terminal.say(self._terminal.cyan(f"  POST {path}"))
        self._terminal.say(self._terminal.dim(f"  {json.dumps(body)}"))
        whose = {"Fingerprint": f"demo-{self._subject}"}
        response = self._request("POST", path, {**whose, **body})
        self._require(response.status == 200, "the status is 200")
        return response

    def _ledger_and_audit(self) -> None:
        self._heading(
            "The ledger", "Every movement of this user's credits, in order, as an operator sees it."
        )
        self._farebox("ledger", self._subject)
        self._heading(
            "The audit",
            "Adds up all entries and compares the sums with all balances and jobs.",
        )
        self._farebox("audit")

    def _summary(self) -> None:
        """Counted from what the service reports, not from what this demo has sent."""
        jobs = self._request("GET", "/jobs?limit=20").json()["data"]["jobs"]
        balance = self._request("GET", "/credits").json()["data"]
        rows = {
            "credits granted": f"{DEMO_SETTINGS['WELCOME_CREDITS']:>3}",
            "videos delivered": _counted(jobs, "SUCCEEDED", "captured", "charged"),
            "jobs failed": _counted(jobs, "FAILED", "released", "returned"),
            "requests refused": f"{self._refusals:>3}     0 charged",
            "credits left": f"{balance['credits']:>3}     {balance['held']} held",
            "checks passed": f"{self._checks:>3}",
        }
        painted = self._terminal
        painted.say(f"\n{painted.bold('Summary')}")
        for name, text in rows.items():
            painted.say(f"  {name:<18}{text}")
        painted.say(
            f"\n{painted.bold(painted.green('All as promised.'))} Next: `make run`, then open "
            "http://127.0.0.1:8080/ in a browser."
        )

    def _farebox(self, *arguments: str) -> None:
        self._terminal.say(self._terminal.cyan(f"  farebox {' '.join(arguments)}"))
        command = [sys.executable, "-m", "service.cli", *arguments]
        done = subprocess.run(  # noqa: S603 - a command of ours
            command,
            cwd=CHECKOUT,
            env=dict(self._environment),
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        self._terminal.say(_indented(done.stdout + done.stderr))
        self._expect(done.returncode == 0, f"farebox {arguments[0]} finds nothing wrong")

    def _post_video(self, key: str) -> dict[str, Any]:
        return self._job(self._request_video(key))

    def _request_video(self, key: str) -> Response:
        body = {
            "GoogleID": self._subject,
            "Fingerprint": f"demo-{self._subject}",
            "imageUrl": _IMAGE,
            "promptKey": "foo_prompt",
        }
        self._terminal.say(self._terminal.cyan(f"  POST /videos   Idempotency-Key: {key}"))
        self._terminal.say(self._terminal.dim(f"  {json.dumps(body)}"))
        return self._request("POST", "/videos", body, {"Idempotency-Key": key})

    def _wait(self, job_id: str) -> dict[str, Any]:
        return self._job(self._get(f"/jobs/{job_id}?wait={_WAIT_SECONDS}"))

    def _job(self, response: Response) -> dict[str, Any]:
        self._show(response)
        self._require(response.status == 200, "the status is 200")
        job: dict[str, Any] = response.json()["data"]
        return job

    def _balance(self, **expected: object) -> None:
        response = self._get("/credits")
        self._show(response)
        found = response.json()["data"]
        self._expect(
            {name: found[name] for name in expected} == expected,
            f"{expected['credits']} available, {expected['held']} held",
        )

    def _get(self, path: str) -> Response:
        self._terminal.say(self._terminal.cyan(f"  GET {path}"))
        return self._request("GET", path)

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        signed_in = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        return call(method, self._ports.app_url + path, body, signed_in)

    def _heading(self, title: str, explanation: str) -> None:
        self._step += 1
        self._terminal.say(f"\n{self._terminal.bold(f'{self._step}. {title}')}\n  {explanation}")

    def _show(self, response: Response) -> None:
        """The status stands out; the body is there for those who want it."""
        paint = self._terminal.green if response.status < 400 else self._terminal.yellow
        first, *others = pretty(response.json()).splitlines()
        self._terminal.say(f"  {paint(str(response.status))} {self._terminal.dim(first)}")
        for line in others:
            self._terminal.say(self._terminal.dim(f"  {line}"))

    def _expect(self, holds: bool, what: str) -> None:
        self._require(holds, what)
        self._terminal.say(self._terminal.green(f"  ✓ {what}"))

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise DemoFailed(f"{what} (step {self._step})")
        self._checks += 1


def _counted(jobs: Sequence[Mapping[str, Any]], status: str, movement: str, word: str) -> str:
    """How many jobs have that status, and what became of their credits."""
    found = [job["credits"][movement] for job in jobs if job["status"] == status]
    return f"{len(found):>3}     {sum(found)} {word}"


def pretty(content: Mapping[str, Any]) -> str:
    """Readable JSON: one line for each field of `data`."""
    inner = content.get("data")
    if not isinstance(inner, dict):
        return f"{{\n{_fields(content)}\n}}"
    return f'{{"success": {json.dumps(content["success"])}, "data": {{\n{_fields(inner)}\n}}}}'


def _fields(content: Mapping[str, Any]) -> str:
    return ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in content.items()
    )


def _events(text: str) -> list[tuple[str, Any]]:
    """The Server-Sent Events of a whole stream: name and data of each, without comments."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if ": " in line)
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines())
