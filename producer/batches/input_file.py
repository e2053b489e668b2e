"""A batch's input file, from the store through its validation; that of a retry is known."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from infra.postgres.batch_lines import count_unrepeated, count_unsuccessful
from infra.postgres.engine import transaction
from producer.batches.parts import BatchParts
from producer.batches.validation import Validated, Validator, entry
from schemas.batch_record import BatchRecord
from schemas.errors import ObjectMissingError
from schemas.stored_file import FileRecord

_LONGEST_MODEL: Final = 256


async def validate_input(
    parts: BatchParts,
    batch: BatchRecord,
    file: FileRecord | None,
    given_up: Callable[[], bool],
) -> Validated:
    """Return whether the lines of a batch can become jobs.

    Args:
        parts: What it takes.
        batch: Which.
        file: Its input; ``None``: it is gone.
        given_up: Asked now and then; the rest is not read if it says so.

    Raises:
        ObjectStoreError: The store cannot be read now.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    if file is None:
        return _missing()
    if batch.retry_of is not None:
        return await _of_retry(parts, batch)
    settings = parts.settings
    validator = Validator(
        batch.endpoint, longest=settings.max_body_bytes, most_lines=settings.max_batch_lines
    )
    try:
        stored = await parts.files.get(file)
    except ObjectMissingError:
        return _missing()
    try:
        found = await validator.validate(stored.data, given_up)
    finally:
        await stored.close()
    unknown = not found.errors and _unknown_model(parts, batch, found.model)
    if unknown:
        return replace(found, errors=[unknown])
    # Where nobody offers models, one may be called anything.
    return found if _storable(found.model) else replace(found, model=None)


async def lines_are_missing(parts: BatchParts, batch: BatchRecord) -> bool:
    """Return whether a file that was read to its end has fewer lines than it had.

    Lines that a retry was to do again may have been erased: those are not missing.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    if batch.errors is not None or batch.completed + batch.failed >= batch.total:
        return False
    if batch.retry_of is None:
        return True
    async with transaction(parts.engine) as connection:
        return await count_unrepeated(connection, batch.retry_of, batch.id) > 0


def _storable(model: str | None) -> bool:
    return model is None or (len(model) <= _LONGEST_MODEL and "\x00" not in model)


def _missing() -> Validated:
    told = entry("input_file_missing", "The input file is gone.", param="input_file_id")
    return Validated(0, None, [told])


async def _of_retry(parts: BatchParts, batch: BatchRecord) -> Validated:
    """Its file was in order the first time."""
    total = 0
    if batch.retry_of is not None:
        async with transaction(parts.engine) as connection:
            total = await count_unsuccessful(connection, batch.retry_of)
    message = "The batch that this one repeats has no lines that did not succeed."
    errors = [] if total else [entry("nothing_to_retry", message)]
    return Validated(total, batch.model, errors)


def _unknown_model(
    parts: BatchParts, batch: BatchRecord, model: str | None
) -> Mapping[str, Any] | None:
    """Return what is wrong with a model that nobody offers: every line would fail."""
    offered = {spec.name for server in parts.settings.model_servers for spec in server.models}
    if model is None or model in offered or batch.endpoint not in parts.endpoints:
        return None
    known = ", ".join(sorted(offered)) or "none"
    message = f"There is no model {model[:128]!r}; there is {known}."
    return entry("model_not_found", message, param="body.model")
