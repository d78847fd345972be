"""What is kept: backups that their vault accepts, images that run, logs, and nothing that cannot be
taken back."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.packets import name_of

RESTORABLE_DAYS = 35
YEAR_DAYS = 365
# AWS::Backup, Start and completion windows: a job must start within an hour at the least.
MIN_START_MINUTES = 60
DAY = timedelta(days=1)


def backups_are_made_and_kept(deployment: Deployment) -> Iterator[str]:
    """A year of days, simulated: at its end there is a copy of every day of five weeks and of every
    month of a year."""
    for name, plan in deployment.data.of("Backup::BackupPlan").items():
        rules = plan["BackupPlan"]["BackupPlanRule"]
        end = date(2026, 12, 31)
        copies = {
            day
            for rule in rules
            for day in _days(rule["ScheduleExpression"], end)
            if (end - day).days < int(rule["Lifecycle"]["DeleteAfterDays"])
        }
        missing = [age for age in range(RESTORABLE_DAYS) if end - age * DAY not in copies]
        if missing:
            yield f"{name} has no copy of {missing} days ago"
        months = {(day.year, day.month) for day in copies}
        if not {(2026, month) for month in range(1, 13)} <= months:
            yield f"{name} has copies of {sorted(months)} alone after a year"
        if max(int(rule["Lifecycle"]["DeleteAfterDays"]) for rule in rules) > YEAR_DAYS + 40:
            yield f"{name} keeps copies for longer than a year and a month"
        if len(copies) > RESTORABLE_DAYS + 15:
            yield f"{name} keeps {len(copies)} copies: each costs money"
        yield from _windows(name, rules)


def backups_agree_with_their_vault(deployment: Deployment) -> Iterator[str]:
    """A vault that is locked refuses a copy with a shorter or longer life: it is never made. A
    lock that can no longer be taken back is not ours to set by a template."""
    data = deployment.data
    for name, plan in data.of("Backup::BackupPlan").items():
        if plan["BackupPlan"]["BackupPlanName"] != f"farebox-{deployment.stage}":
            yield f"{name} is called {plan['BackupPlan']['BackupPlanName']}"
        for rule in plan["BackupPlan"]["BackupPlanRule"]:
            vault = data.of("Backup::BackupVault")[name_of(rule["TargetBackupVault"])]
            lock = vault["LockConfiguration"]
            kept = int(rule["Lifecycle"]["DeleteAfterDays"])
            if (
                not int(lock["MinRetentionDays"])
                <= kept
                <= int(lock.get("MaxRetentionDays", 10**6))
            ):
                yield f"{rule['RuleName']} keeps copies {kept} days: its vault refuses them"
            if "ChangeableForDays" in lock:
                yield "the lock of the vault becomes irrevocable: remove ChangeableForDays"
            if not 7 <= int(lock["MinRetentionDays"]) <= 30:
                yield f"no copy can be deleted for {lock['MinRetentionDays']} days"
            if "MoveToColdStorageAfterDays" in rule["Lifecycle"]:
                yield f"{rule['RuleName']} moves copies to cold storage, which bills 90 days"
            if vault["EncryptionKeyArn"] != "<Key.Arn>":
                yield f"the vault is encrypted with {vault['EncryptionKeyArn']}"


def each_selection_belongs_to_its_plan(deployment: Deployment) -> Iterator[str]:
    data = deployment.data
    for name, selection in data.of("Backup::BackupSelection").items():
        body = selection["BackupSelection"]
        if (selection["BackupPlanId"], body["IamRoleArn"]) != ("<BackupPlan>", "<BackupRole.Arn>"):
            yield f"{name} belongs to {selection['BackupPlanId']}, {body['IamRoleArn']}"
        wanted = "tables" if len(body["Resources"]) > 1 else "table"
        if body["SelectionName"] != wanted:
            yield f"{name} is called {body['SelectionName']}: another selection, another name"


def backups_exist_outside_dev(deployment: Deployment) -> Iterator[str]:
    kinds = ("Backup::BackupVault", "Backup::BackupPlan", "Backup::BackupSelection")
    for kind in kinds:
        if bool(deployment.data.of(kind)) is not (deployment.stage != "dev"):
            yield f"{deployment.stage} has {len(deployment.data.of(kind))} of {kind}"


def backups_may_be_made_and_restored(deployment: Deployment) -> Iterator[str]:
    prefix = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor"
    for name, role in deployment.data.of("IAM::Role").items():
        found = sorted(str(arn) for arn in role.get("ManagedPolicyArns", []))
        if name == "BackupRole" and found != [f"{prefix}Backup", f"{prefix}Restores"]:
            yield f"{name} has {found}"
    if deployment.data.outputs.get("BackupRoleArn", "<BackupRole.Arn>") != "<BackupRole.Arn>":
        yield f"BackupRoleArn is {deployment.data.outputs['BackupRoleArn']}"


def what_is_deleted_goes_and_what_holds_data_stays(deployment: Deployment) -> Iterator[str]:
    """The selection of a backup is replaced by deletion, or two would select at once."""
    for name, resource in deployment.data.resources.items():
        found = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        wanted = ("Retain", "Delete" if name == "BackupSelection" else "Retain")
        if found != wanted:
            yield f"{name} has {found} for its end: it must be {wanted}"
    for name, resource in deployment.service.resources.items():
        if {"DeletionPolicy", "UpdateReplacePolicy"} & set(resource):
            yield f"{name} outlives the service stack: what must stay belongs to the data stack"


def images_that_run_are_kept(deployment: Deployment) -> Iterator[str]:
    """Releases of every day, and leftovers without a tag: what the rules expire is never one of the
    last sixty releases, and always a leftover of last month. Where no release has come for years,
    the one that runs and those to go back to are still there."""
    repository = deployment.data.one("ECR::Repository")
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    releases = {f"r{age}": (age, True) for age in range(150)}
    images = releases | {f"u{age}": (age, False) for age in range(60)}
    gone = _expired(rules, images)
    lost = [name for name in gone if name[0] == "r" and releases[name][0] < 60]
    if lost:
        yield f"releases of {sorted(releases[name][0] for name in lost)[:3]} days ago are deleted"
    if "r149" not in gone:
        yield "no release is ever deleted: each costs money"
    long_ago = {f"r{age}": (age, True) for age in range(1000, 1060)}
    if _expired(rules, long_ago):
        yield "the release that runs is deleted when no other follows: expire by count, not by age"
    if "u20" not in gone or "u7" in gone:
        yield "images without a tag are deleted within a week, or never"


def each_image_is_scanned_and_encrypted(deployment: Deployment) -> Iterator[str]:
    repository = deployment.data.one("ECR::Repository")
    if repository["ImageScanningConfiguration"]["ScanOnPush"] is not True:
        yield "images are not scanned: set ScanOnPush"
    encryption = repository["EncryptionConfiguration"]
    if (encryption["EncryptionType"], encryption["KmsKey"]) != ("KMS", "<Key.Arn>"):
        yield f"images are encrypted with {encryption}"
    if repository["RepositoryName"] != f"farebox-{deployment.stage}":
        yield f"the repository is called {repository['RepositoryName']}"


def _windows(name: str, rules: list[Mapping[str, Any]]) -> Iterator[str]:
    names = [rule["RuleName"] for rule in rules]
    if names != ["daily", "monthly"]:
        yield f"{name} has the rules {names}"
    for rule in rules:
        start, complete = int(rule["StartWindowMinutes"]), int(rule["CompletionWindowMinutes"])
        if not MIN_START_MINUTES <= start < complete <= 1440 - start or complete < 3 * start:
            yield f"{rule['RuleName']} starts within {start} and ends within {complete} minutes"


def _days(expression: str, end: date) -> Iterator[date]:
    """The days of the year before `end` on which a cron expression of AWS fires."""
    found = re.fullmatch(r"cron\((\d+) (\d+) (\S+) \* (\S+) \*\)", expression)
    if found is None:
        raise ValueError(expression)
    if int(found[1]) > 59 or int(found[2]) > 23:
        raise ValueError(expression)
    for age in range(YEAR_DAYS + 60):
        day = end - age * DAY
        of_month, of_week = found[3], found[4]
        if of_week not in ("?", "*") or (of_month not in ("*", "?") and not of_month.isdecimal()):
            raise ValueError(expression)
        if of_month in ("*", "?") or day.day == int(of_month):
            yield day


def _expired(rules: list[Mapping[str, Any]], images: Mapping[str, tuple[int, bool]]) -> set[str]:
    """The images that a lifecycle policy of ECR expires; those of an earlier rule are not counted
    by a later one."""
    gone: set[str] = set()
    for rule in sorted(rules, key=lambda one: int(one["rulePriority"])):
        if rule["action"] != {"type": "expire"}:
            raise ValueError(rule["action"])
        chosen = rule["selection"]
        there = {
            name: age
            for name, (age, tagged) in images.items()
            if name not in gone and (chosen["tagStatus"] == "any" or not tagged)
        }
        if chosen["countType"] == "sinceImagePushed" and chosen["countUnit"] == "days":
            gone |= {name for name, age in there.items() if age > int(chosen["countNumber"])}
        elif chosen["countType"] == "imageCountMoreThan":
            newest = sorted(there, key=lambda name: there[name])
            gone |= set(newest[int(chosen["countNumber"]) :])
        else:
            raise ValueError(chosen["countType"])
    return gone
