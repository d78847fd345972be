"""Named changes that break the money protocol, and the tests that must notice each."""

from dataclasses import dataclass

LEDGER = "tests/ledger"
USERS = "tests/users"
JOBS = "tests/jobs/test_operations.py"
SETTLEMENT = "tests/jobs/test_settlement.py"
KLING = "tests/providers/kling/test_client.py"
STORAGE = "tests/storage/test_table.py"
IDENTITY = "tests/journeys/test_identity.py"
ADMIN = "tests/audit tests/repair"
ALWAYS = 'When(below={"never": 1})'


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in the file; put `new` there and one of `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    also: tuple[tuple[str, str, str], ...] = ()


MUTANTS = (
    Mutant(
        "version-not-compared",
        "ledger/store.py",
        'guard = When(equals={"version": before.version if before else None})',
        f"guard = {ALWAYS}",
        LEDGER,
    ),
    Mutant(
        "entry-overwritten",
        "ledger/store.py",
        "Put(keys.entry(user_id, entry.version), _entry_item(entry))",
        f"Put(keys.entry(user_id, entry.version), _entry_item(entry), {ALWAYS})",
        LEDGER,
    ),
    Mutant(
        "mac-not-chained",
        "ledger/store.py",
        "        previous,\n    ]",
        '        "",\n    ]',
        LEDGER,
    ),
    Mutant(
        "retry-without-re-read",
        "ledger/operations.py",
        "                snapshot, trouble = None, error",
        "                snapshot, trouble = snapshot or self.read_snapshot(attempts.user_id), error",
        JOBS,
    ),
    Mutant(
        "refusal-in-doubt-is-final",
        "ledger/operations.py",
        "                if attempts.in_doubt:\n                    raise OutcomeUnknown from error\n                raise",
        "                raise",
        f"{LEDGER} {USERS}",
    ),
    Mutant(
        "was_committed-attempt-not-looked-for",
        "ledger/operations.py",
        "        self.in_doubt = was_committed = self.also.was_committed()",
        "        self.in_doubt = was_committed = False",
        f"{LEDGER} {JOBS}",
    ),
    Mutant(
        "doubt-forgotten-at-the-deadline",
        "ledger/operations.py",
        "        if not attempts.in_doubt:\n            raise trouble",
        "        if True:\n            raise trouble",
        LEDGER,
    ),
    Mutant(
        "damage-written-over",
        "ledger/operations.py",
        '            self._freeze(movement.wallet, before, ["an entry stands beyond the wallet\'s version"])',
        "            raise _Again",
        LEDGER,
    ),
    Mutant(
        "key-looked-at-before-the-wallet",
        "ledger/operations.py",
        "        item, *others = self._table.get_together((keys.wallet(user_id), *related))",
        "        others = [self._table.get(key) for key in related]\n        item = self._table.get(keys.wallet(user_id))",
        JOBS,
    ),
    Mutant(
        "spent-after-the-end",
        "ledger/entities.py",
        "usable = tuple(sorted((lot for lot in lots if lot.spendable(now)), key=lambda lot: lot.burn_order))",
        "usable = tuple(sorted(lots, key=lambda lot: lot.burn_order))",
        LEDGER,
    ),
    Mutant(
        "released-into-an-ended-lot",
        "ledger/entities.py",
        "if part.expires_at is not None and now >= part.expires_at:",
        "if part.expires_at is not None and now < 0:",
        LEDGER,
    ),
    Mutant(
        "debt-not-paid-by-a-release",
        "ledger/entities.py",
        "    amount = total(allocation)\n    paid = min(wallet.debt, amount)",
        "    amount = total(allocation)\n    paid = 0",
        LEDGER,
    ),
    Mutant(
        "merged-lots-end-early",
        "ledger/entities.py",
        "        later = kept[place + 1]\n        kept[place : place + 2] = [replace(later, remaining=later.remaining + kept[place].remaining)]",
        "        later = kept[place]\n        kept[place : place + 2] = [replace(later, remaining=later.remaining + kept[place + 1].remaining)]",
        LEDGER,
    ),
    Mutant(
        "frozen-wallet-spends",
        "ledger/entities.py",
        "    if wallet.status is not WalletStatus.OPEN:\n        raise WalletFrozen\n",
        "",
        f"{LEDGER} {JOBS}",
    ),
    Mutant(
        "claim-overwritten",
        "users/store.py",
        'return [Put(key, {"userId": user_id, "at": iso(now)}) for key in free]',
        f'return [Put(key, {{"userId": user_id, "at": iso(now)}}, {ALWAYS}) for key in free]',
        USERS,
    ),
    Mutant(
        "index-trusted-alone",
        "users/operations.py",
        "owners = [*found.device.claimed_by, *store.read_device_owners(self._table, applicant.device)]",
        "owners = [*store.read_device_owners(self._table, applicant.device)]",
        USERS,
    ),
    Mutant(
        "only-the-newest-pepper-claims",
        "users/store.py",
        "return _claim_writes(map(keys.fingerprint_claim, digests.all), claimed_by, user_id, now)",
        "return _claim_writes([keys.fingerprint_claim(digests.newest)], claimed_by[:1], user_id, now)",
        USERS,
    ),
    Mutant(
        "welcome-again-without-a-wallet",
        "users/operations.py",
        "        if movement.opens and user_id in (*found.device.claimed_by, *found.identity_claimed_by):",
        "        if False:",
        USERS,
    ),
    Mutant(
        "cap-by-reading-the-count",
        "users/store.py",
        'return Update(keys.COUNT, When(below={"count": max_users}), increment={"count": 1})',
        f'return Update(keys.COUNT, {ALWAYS}, increment={{"count": 1}})',
        USERS,
    ),
    Mutant(
        "twin-of-a-new-user-refused",
        "users/operations.py",
        "        if wallet is None or not _is_open(wallet):\n            raise refusal\n        return wallet",
        "        raise refusal",
        USERS,
    ),
    Mutant(
        "hmac-dropped",
        "users/entities.py",
        '    return base64.urlsafe_b64encode(digest).decode().rstrip("=")',
        "    return text.partition('\\n')[2]",
        USERS,
    ),
    Mutant(
        "second-welcome",
        "ledger/entities.py",
        'LotKind.FREE, 0, None, "return"',
        'LotKind.FREE, amount, None, "return"',
        f"{LEDGER} {USERS}",
    ),
    Mutant(
        "twin-sends",
        "jobs/operations.py",
        "                return self._replayed(earlier, snapshot.wallet)",
        "                self._provider.create(VideoRequest(earlier.job_id, order.image, order.prompt_key, None), 1e12)\n"
        "                return self._replayed(earlier, snapshot.wallet)",
        JOBS,
    ),
    Mutant(
        "body-not-compared",
        "jobs/operations.py",
        "        if use.body_hash != order.body_hash:\n            raise IdempotencyKeyReused\n",
        "",
        JOBS,
    ),
    Mutant(
        "device-part-of-the-request",
        "jobs/holds.py",
        'body = json.dumps([self.user_id, self.image, self.prompt_key], separators=(",", ":"))',
        'body = json.dumps([self.user_id, self.image, self.prompt_key, self.fingerprint], separators=(",", ":"))',
        JOBS,
    ),
    Mutant(
        "rejected-key-used-again",
        "jobs/entities.py",
        "RETRYABLE = (Failure.PROVIDER_BUSY, Failure.PROVIDER_UNAVAILABLE)",
        "RETRYABLE = tuple(Failure)",
        JOBS,
    ),
    Mutant(
        "indeterminate-is-a-failure",
        "jobs/operations.py",
        "                case Rejected(why):\n                    return self._settlement.decline(job, FAILURE_OF_REJECTION[why])",
        '                case Indeterminate():\n                    return self._settlement.decline(job, FAILURE_OF_REJECTION["unavailable"])  # type: ignore[index]\n'
        "                case Rejected(why):\n                    return self._settlement.decline(job, FAILURE_OF_REJECTION[why])",
        JOBS,
    ),
    Mutant(
        "ended-job-settled-again",
        "jobs/settlement.py",
        "        if not job.is_open:\n            raise StaleRead\n",
        "",
        SETTLEMENT,
    ),
    Mutant(
        "sick-jobs-keep-their-place",
        "jobs/sweeps.py",
        "        self._postpone(user_id, job_id, due_at)\n        return False",
        "        return False",
        SETTLEMENT,
    ),
    Mutant(
        "status-not-compared-exactly",
        "jobs/store.py",
        'guard = When(equals={"status": JobStatus.SUBMITTING, "taskId": None})',
        'guard = When(equals={"taskId": None})',
        SETTLEMENT,
    ),
    Mutant(
        "released-twice",
        "jobs/store.py",
        '    return item["status"] == job.status and item.get("taskId") == job.task_id',
        "    return True",
        SETTLEMENT,
        also=(
            (
                "jobs/store.py",
                '    return When(equals={"status": job.status, "taskId": job.task_id})',
                f"    return {ALWAYS}",
            ),
        ),
    ),
    Mutant(
        "settled-on-a-stale-job",
        "jobs/store.py",
        '    return item["status"] == job.status and item.get("taskId") == job.task_id',
        "    return True",
        SETTLEMENT,
    ),
    Mutant(
        "captured-before-it-is-delivered",
        "jobs/entities.py",
        "        case base.Found(task) if task.status is base.TaskStatus.SUCCEEDED:\n            if deliverable(task.result_url, plain_links):",
        "        case base.Found(task) if task.status is not base.TaskStatus.FAILED:\n            if task:",
        SETTLEMENT,
    ),
    Mutant(
        "captured-without-a-link",
        "jobs/entities.py",
        "            if deliverable(task.result_url, plain_links):\n                return Capture(task)",
        "            if task:\n                return Capture(task)",
        SETTLEMENT,
    ),
    Mutant(
        "released-after-one-not-found",
        "jobs/entities.py",
        "    if job.not_found_at is not None and now >= releasable_at:",
        "    if now >= job.submit_until + times.quarantine:",
        SETTLEMENT,
    ),
    Mutant(
        "quarantine-skipped",
        "jobs/entities.py",
        "releasable_at = max(first + times.not_found_gap, job.submit_until + times.quarantine)",
        "releasable_at = first + times.not_found_gap",
        SETTLEMENT,
    ),
    Mutant(
        "early-not-found-counts",
        "jobs/entities.py",
        "    if now < job.submit_until:\n        return Wait(job.submit_until)\n",
        "",
        SETTLEMENT,
    ),
    Mutant(
        "released-after-an-error",
        "jobs/entities.py",
        "    if isinstance(lookup, base.Indeterminate):\n        return Wait(later, job.not_found_at, _late(job, now))\n",
        "",
        SETTLEMENT,
    ),
    Mutant(
        "unresolved-not-watched",
        "jobs/settlement.py",
        "        watched = failure is Failure.PROVIDER_UNRESOLVED",
        "        watched = False",
        SETTLEMENT,
    ),
    Mutant(
        "sweep-sends",
        "jobs/settlement.py",
        "        lookup = self._provider.fetch_task(job.task_id, job.job_id)\n",
        "        lookup = self._provider.fetch_task(job.task_id, job.job_id)\n"
        '        if job.status is JobStatus.SUBMITTING and type(lookup).__name__ == "NotFound":\n'
        '            self._provider.create(__import__("service.providers.base", fromlist=["x"]).VideoRequest(job.job_id, "", "", None), 1e12)\n',
        JOBS,
    ),
    Mutant(
        "sent-again-after-no-answer",
        "providers/kling/client.py",
        "        except NoAnswer:\n            return Indeterminate()\n\n    def _body",
        "        except NoAnswer:\n            return None\n\n    def _body",
        KLING,
    ),
    Mutant(
        "no-answer-is-never-sent",
        "providers/http.py",
        "            except _TROUBLES as error:\n                raise NoAnswer from error",
        "            except _TROUBLES as error:\n                raise NeverSent from error",
        KLING,
    ),
    Mutant(
        "sent-after-the-window",
        "providers/kling/client.py",
        "            if self._clock.monotonic() >= until:\n                break\n",
        "            until = max(until, self._clock.monotonic() + 5)\n",
        KLING,
    ),
    Mutant(
        "refusal-behind-a-5xx",
        "providers/kling/client.py",
        "if code in FAILURE_OF_REJECTION and 400 <= reply.status < 500:",
        "if code in FAILURE_OF_REJECTION:",
        KLING,
    ),
    Mutant(
        "any-404-is-not-found",
        "providers/kling/client.py",
        "if (reply.status, code) == TASK_NOT_FOUND:",
        "if reply.status == 404:",
        KLING,
    ),
    Mutant(
        "stale-token-wakes-somebody",
        "providers/kling/client.py",
        "                self._credentials.renew()\n                continue\n",
        "                self._credentials.renew()\n",
        KLING,
    ),
    Mutant(
        "refused-look-wakes-nobody",
        "providers/kling/client.py",
        "        self._count_refusal(reply)\n        return Indeterminate()",
        "        return Indeterminate()",
        KLING,
    ),
    Mutant(
        "another-task-believed",
        "providers/kling/client.py",
        "        return task.task_id == task_id",
        "        return True",
        KLING,
    ),
    Mutant(
        "task-of-another-job-believed",
        "providers/kling/client.py",
        '    return external in (None, "", job_id)',
        "    return True",
        KLING,
    ),
    Mutant(
        "another-s-settlement-taken-for-mine",
        "jobs/settlement.py",
        "lambda stored: (stored.failure, stored.watch_until) == (failure, watch_until)",
        "lambda stored: stored.status is JobStatus.FAILED",
        SETTLEMENT,
    ),
    Mutant(
        "not-found-counted-from-its-question",
        "jobs/entities.py",
        "first = look.answered_at if",
        "first = look.asked_at if",
        SETTLEMENT,
    ),
    Mutant(
        "successor-refused-on-an-old-wallet",
        "jobs/operations.py",
        "price, earlier, None if earlier else snapshot)",
        "price, earlier, snapshot)",
        JOBS,
    ),
    Mutant(
        "window-from-before-the-queue",
        "jobs/holds.py",
        "        self.send_until = 0.0\n",
        "        self.send_until = holds.send_until()\n",
        JOBS,
    ),
    Mutant(
        "sent-on-a-connection-that-came-late",
        "providers/http.py",
        "        if connection.timeout <= 0:\n            raise NeverSent\n",
        "        connection.timeout = abs(connection.timeout)\n",
        "tests/providers/test_http.py",
    ),
    Mutant(
        "botocore-retries",
        "storage/table.py",
        '"total_max_attempts": 1',
        '"total_max_attempts": 3',
        STORAGE,
    ),
    Mutant(
        "same-client-request-token",
        "storage/table.py",
        "self._client.transact_write_items(TransactItems=items)",
        'self._client.transact_write_items(TransactItems=items, ClientRequestToken="same")',
        f"{STORAGE} tests/architecture",
    ),
    Mutant(
        "lost-answer-is-a-failure",
        "storage/table.py",
        "        except BotoCoreError as error:\n            raise MaybeApplied",
        "        except BotoCoreError as error:\n            raise NotApplied",
        STORAGE,
    ),
    Mutant(
        "token-not-compared",
        "jobs/routes.py",
        '        if body["google_id"] != principal.subject:\n            raise GoogleIdMismatch\n',
        "",
        IDENTITY,
    ),
    Mutant("foreign-page-token", "storage/cursor.py", " or not text.startswith(prefix)", "", JOBS),
)
