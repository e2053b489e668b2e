"""``POST /v1/jobs``: a job in JSON, or in a form with the pictures that it begins with."""

from contextlib import AsyncExitStack
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import check, read_json
from producer.api.form_files import FormFiles
from producer.api.form_parts import is_form
from producer.api.job_form import read_job_form, types_of, with_files
from producer.api.jobs import answer_submitted
from producer.api.preferences import idempotency_key, preferred_wait
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.submit import Submitted
from schemas.job import JobRequest


async def submit_job(services: Services, tenant: Tenant, request: Request) -> Response:
    """Accept a job: 202 with the job, or 200 if it ended while the caller waited.

    It comes as JSON, or as a form with the pictures that it begins with.
    """
    key = idempotency_key(request.headers)
    wait = preferred_wait(request.headers)
    if is_form(request):
        submitted = await _submit_form(services, tenant, request, key)
        return await answer_submitted(services, submitted, wait, request)
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(JobRequest, body)
    submitted = await services.submitter.submit(
        tenant, wanted, idempotency_key=key, body_hash=hash_of(body) if key else b""
    )
    return await answer_submitted(services, submitted, wait, request)


async def _submit_form(
    services: Services, tenant: Tenant, request: Request, key: str | None
) -> Submitted:
    async with AsyncExitStack() as stack:
        form = await read_job_form(stack, request, services)
        wanted = check(JobRequest, form.body)
        types = await types_of(services, form)
        files = FormFiles(services, tenant)
        try:
            await files.store(form.pictures, types)
            submitted = await services.submitter.submit(
                tenant,
                with_files(wanted, files.names),
                idempotency_key=key,
                body_hash=hash_of(form.body) if key else b"",
                files=files.ids,
            )
        except BaseException as error:
            await files.fail(error)
            raise
    await files.settle(submitted.job)
    return submitted
