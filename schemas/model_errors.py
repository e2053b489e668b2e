"""Errors of model servers that run what their operator wrote."""

from schemas.errors import ModelError, Severity


class ModelMisconfiguredError(ModelError):
    """The model server cannot run what it is configured with: a person must mend it."""

    code = "model_misconfigured"
    severity = Severity.HIGH
