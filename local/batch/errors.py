"""The errors that Batch answers with.

Codes and statuses: "Batch Status and Error Codes" of the Batch REST reference.
"""

from __future__ import annotations

from collections.abc import Mapping


class BatchError(Exception):
    """An answer that is no success.

    Parameters
    ----------
    status
        The HTTP status.
    code
        The code that clients decide by.
    message
        A sentence for a person.
    values
        Further facts, written as the body's ``values``.
    """

    def __init__(self, status: int, code: str, message: str, **values: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.values: Mapping[str, str] = values

    @property
    def body(self) -> dict[str, object]:
        """The error without request id and time, as it stands in the result of one task of a collection."""
        found: dict[str, object] = {"code": self.code, "message": {"lang": "en-US", "value": self.message}}
        if self.values:
            found["values"] = [{"key": key, "value": value} for key, value in self.values.items()]
        return found


_CONFLICTS = {
    "JobExists": "The specified job already exists.",
    "JobCompleted": "The specified job is already in a completed state.",
    "JobBeingTerminated": "The specified job is being terminated.",
    "JobBeingDeleted": "The specified job has been marked for deletion and is being garbage collected.",
    "JobNotActive": "The specified job is not in active state.",
    "TaskExists": "The specified task already exists.",
    "TaskCompleted": "The specified task is already in a completed state.",
    "TaskNotCompleted": "The specified task is not in a completed state; only completed tasks can be reactivated.",
    "TaskSucceeded": "The specified task has already completed successfully.",
    "TaskFilesUnavailable": "The files of the specified task are unavailable: it has not run.",
    "TaskFilesCleanedup": "The files of the specified task are cleaned up: its retention time is over.",
    "PoolExists": "The specified pool already exists.",
    "PoolBeingDeleted": "The specified pool has been marked for deletion and is being reclaimed.",
    "NodeBeingRebooted": "The specified node is being rebooted.",
    "NodeBeingReimaged": "The specified node is being reimaged.",
    "NodeBeingStarted": "The specified node is being started.",
    "NodeAlreadyInTargetSchedulingState": "The specified node is already in the target scheduling state.",
    "ActiveJobAndScheduleQuotaReached": "Active job and schedule quota for the account has been reached.",
    "OperationInvalidForCurrentState": "The specified operation is not valid for the current state of the resource.",
}
_MISSING = {
    "JobNotFound": "The specified job does not exist.",
    "TaskNotFound": "The specified task does not exist.",
    "PoolNotFound": "The specified pool does not exist.",
    "NodeNotFound": "The specified node does not exist.",
    "FileNotFound": "The specified file does not exist.",
}


def conflict(code: str, **values: str) -> BatchError:
    """The resource is not in a state for the operation: 409."""
    return BatchError(409, code, _CONFLICTS[code], **values)


def not_found(code: str) -> BatchError:
    """The resource does not exist: 404."""
    return BatchError(404, code, _MISSING[code])


def invalid_query(name: str, value: str, reason: str) -> BatchError:
    """A query parameter makes no sense: 400."""
    message = "Value for one of the query parameters specified in the request URI is invalid"
    facts = {"QueryParameterName": name, "QueryParameterValue": value, "Reason": reason}
    return BatchError(400, "InvalidQueryParameterValue", message, **facts)


def invalid_body(reason: str) -> BatchError:
    """The body is not JSON, or not of the shape that the operation takes: 400."""
    return BatchError(
        400, "InvalidRequestBody", "The specified Request Body is not syntactically valid.", Reason=reason
    )


def missing_property(name: str) -> BatchError:
    """The body lacks something: 400."""
    message = "A required property was not specified in the request body."
    return BatchError(400, "MissingRequiredProperty", message, PropertyName=name)


def invalid_property(name: str, value: object, reason: str) -> BatchError:
    """A property of the body has a value that Batch does not take: 400."""
    message = "The value provided for one of the properties in the request body is invalid."
    facts = {"PropertyName": name, "PropertyValue": str(value), "Reason": reason}
    return BatchError(400, "InvalidPropertyValue", message, **facts)


def not_implemented(what: str) -> BatchError:
    """Azure does this and the local Batch does not: 501."""
    return BatchError(501, "NotImplemented", f"The local Batch does not support {what}.")


def authentication_failed(status: int, reason: str) -> BatchError:
    """The caller is not let in: 401 without credentials, 403 with wrong ones."""
    message = "Server failed to authenticate the request. Make sure the Authorization header is formed correctly."
    return BatchError(status, "AuthenticationFailed", message, AuthenticationErrorDetail=reason)


def condition_not_met(*, read: bool) -> BatchError:
    """If-Match or If-None-Match forbids the operation: 304 for a read, 412 for a write."""
    message = "The condition specified in the conditional header(s) was not met."
    return BatchError(304 if read else 412, "ConditionNotMet", message)
