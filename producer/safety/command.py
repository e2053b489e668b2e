"""`genq policy`, from what was typed to what is printed."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import acting_as
from infra.clock import SystemClock
from infra.postgres.engine import create_engine, transaction
from infra.postgres.tenant_plans import find_plan
from infra.safety.policy_file import (
    LARGEST,
    DocumentFault,
    FaultyDocumentError,
    default_policy,
    read_policy,
    whole_policy,
)
from infra.settings import Settings
from infra.subjects import subject_of
from infra.telemetry.logging import configure_logging
from producer.doctor.reach import find
from producer.operator.screen import Screen
from producer.operator.targets import unknown_tenant
from producer.operator.who import operator
from producer.safety import screens
from producer.safety.owner import WHOLE, PolicyOwner
from producer.safety.policies import PolicyBook, invalid_policy
from producer.safety.sanctions import lift, sanctions_of
from producer.safety.simulation import Simulator
from producer.safety.words import parse
from schemas.errors import DatabaseUnavailableError, GenqError, NotFoundError, SettingsError
from schemas.policy_errors import ApprovalNeededError, InvalidPolicyError
from schemas.policy_faults import document_faults

_FAILED: Final = 1
_UNREACHABLE: Final = 5
_INVALID: Final = 8
_CODES: Final = {
    NotFoundError.code: 3,
    DatabaseUnavailableError.code: _UNREACHABLE,
    SettingsError.code: _INVALID,
    InvalidPolicyError.code: _INVALID,
    ApprovalNeededError.code: 9,
}
_PSEUDONYM: Final = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    given = parse(arguments)
    screen = Screen(as_json=given.json, quiet=given.quiet)
    try:
        if given.command == "validate" and given.tenant is None:
            _validate(given, screen)
            return 0
        settings = find(given.data_dir, embedded=given.embedded).settings()
        quiet = settings.model_copy(update={"log_level": "error"})
        configure_logging(quiet, process="policy", stream=sys.stderr.buffer)
        with acting_as(f"operator {operator()}"):
            asyncio.run(_run(given, settings, screen))
    except GenqError as error:
        _tell(error)
        return _CODES.get(error.code, _FAILED)
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        sys.stderr.write(f"genq: {first}; is the database of this release? genq db check\n")
        return _UNREACHABLE
    return 0


def _tell(error: GenqError) -> None:
    if isinstance(error, InvalidPolicyError) and error.fields:
        for fault in error.fields:
            place = fault.pointer.lstrip("/").replace("/", ".")
            line, colon, rest = fault.message.partition(": ")
            numbered = colon and line.startswith("line ")
            told = f"{line}: {place}: {rest}" if numbered else f"{place}: {fault.message}"
            sys.stderr.write(f"{told}\n")
        count = len(error.fields)
        sys.stderr.write(f"genq: the policy is refused: {count} fault{'s'[: count > 1]}\n")
    else:
        sys.stderr.write(f"genq: {error.message}\n")


def _validate(given: argparse.Namespace, screen: Screen) -> None:
    """Check a document without any server: against what comes with genq, or a file."""
    try:
        document, lines = read_policy(_text(given.file))
        above = None
        if given.override or given.against:
            above = default_policy()
            if given.against:
                above = whole_policy(read_policy(_text(str(given.against)))[0])
    except FaultyDocumentError as error:
        raise invalid_policy(error.faults) from None
    faults = document_faults(whole_policy(document) if above is None else document, above)
    if faults:
        raise invalid_policy([DocumentFault(*fault, lines.of(fault[0])) for fault in faults])
    digest = document.digest().hex()
    facts = {"valid": True, "policy": document.policy, "digest": digest}
    screen.say(f"{document.policy} is a valid policy, digest {digest[:12]}", facts)


async def _run(given: argparse.Namespace, settings: Settings, screen: Screen) -> None:
    engine = create_engine(settings, process="policy")
    try:
        owner = await _owner(engine, given.tenant)
        if given.command in {"sanctions", "lift"}:
            await _sanctions(given, settings, engine, owner, screen)
        elif given.command == "simulate":
            await _simulate(given, engine, owner, screen)
        else:
            book = PolicyBook(engine, owner, alone=settings.safety_single_operator)
            await _keep(given, book, owner, screen)
    finally:
        await engine.dispose()


async def _keep(
    given: argparse.Namespace, book: PolicyBook, owner: PolicyOwner, screen: Screen
) -> None:
    whose = "" if owner.is_installation else f" --tenant {owner.name}"
    match given.command:
        case "validate":
            document = await book.check(_text(given.file))
            facts = {
                "valid": True,
                "policy": document.policy,
                "digest": document.digest().hex(),
            }
            screen.say(f"{document.policy} is a valid policy of {owner.name}", facts)
        case "ls":
            found = await book.page(before=None, limit=given.limit)
            screens.show_versions(screen, found)
            if not found:
                screen.remark(f"no version yet; next: genq policy create FILE{whose}")
        case "create":
            made = await book.create(_text(given.file))
            screens.show_versions(screen, [made])
            screen.remark(f"next: genq policy activate {made.version}{whose}")
        case "approve":
            screens.show_versions(screen, [await book.approve(given.version)])
            screen.remark(f"next: genq policy activate {given.version}{whose}")
        case "activate":
            screens.show_versions(screen, [await book.activate(given.version)])
            screen.remark("it counts everywhere within two seconds")
        case _:
            await _show(given, book, screen)


async def _show(given: argparse.Namespace, book: PolicyBook, screen: Screen) -> None:
    if given.version is None:
        screens.show_effective(screen, await book.effective())
    elif given.version == 0:
        text = (
            resources.files("infra.safety").joinpath("default_policy.yaml").read_text("utf-8")
        )
        screen.say(text.rstrip("\n"), default_policy().facts())
    else:
        screens.show_document(screen, await book.get(given.version))


async def _simulate(
    given: argparse.Namespace, engine: AsyncEngine, owner: PolicyOwner, screen: Screen
) -> None:
    book = PolicyBook(engine, owner, alone=False)
    numbered = given.file.isascii() and given.file.isdecimal()
    written = (await book.get(int(given.file))).document if numbered else _text(given.file)
    simulator = Simulator(engine, SystemClock(), owner)
    document = await book.check(written)
    found = await simulator.run(document, since=given.since, limit=given.limit)
    screens.show_simulation(screen, found)


async def _sanctions(
    given: argparse.Namespace,
    settings: Settings,
    engine: AsyncEngine,
    owner: PolicyOwner,
    screen: Screen,
) -> None:
    if given.command == "sanctions":
        screens.show_sanctions(screen, await sanctions_of(engine, owner), owner.name)
        return
    subject = _subject(settings, owner, given.end_user)
    lifted = await lift(engine, owner, subject)
    done = "lifted" if lifted else "had no sanction; what counted so far counts no more"
    screen.say(f"{given.end_user}: {done}", {"subject": subject.hex(), "lifted": lifted})


def _subject(settings: Settings, owner: PolicyOwner, typed: str) -> bytes:
    if len(typed) == _PSEUDONYM and all(letter in "0123456789abcdef" for letter in typed):
        return bytes.fromhex(typed)
    return subject_of(settings, owner.tenant_id, typed)


async def _owner(engine: AsyncEngine, name: str | None) -> PolicyOwner:
    if name is None:
        return WHOLE
    async with transaction(engine) as connection:
        plan = await find_plan(connection, name)
        if plan is None:
            raise await unknown_tenant(connection, name)
    return PolicyOwner(plan.id, plan.name, plan.safety_level)


def _text(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.buffer.read(LARGEST + 1).decode()
        with Path(file).open("rb") as opened:
            return opened.read(LARGEST + 1).decode()
    except OSError as error:
        raise InvalidPolicyError(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InvalidPolicyError(f"{file}: is not UTF-8") from None
