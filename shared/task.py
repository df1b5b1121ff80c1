"""What the function app tells the worker about its task: the one contract across the Batch hop."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote, unquote

import msgspec

from shared.errors import InvalidDocument


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a valid transaction may hold (REPORT: Validation) and what a file may be. Amounts in the file's currency."""

    max_quantity: int = 100
    max_unit_price: Decimal = Decimal(10_000)
    min_total: Decimal = Decimal("0.01")
    max_total: Decimal = Decimal(100_000)
    max_inflated_bytes: int = 16 * 1024**3
    max_record_bytes: int = 16 * 1024**2
    revenue_statuses: tuple[str, ...] = ("completed",)


class TaskParameters(msgspec.Struct, frozen=True, kw_only=True):
    """One task's input and output, and the limits in force.

    It travels in environment variables, never in a command line. Blob names are hostile: the name is percent-encoded,
    so that no line break, quote or control character of it meets a container engine.

    `result_key` stands for everything that the result depends on; the worker hands it back with the outcome, so that
    it is that of the very task that made it (docs/adr/0013). "" where results are not reused.
    """

    run_id: str
    attempt: int
    input_container: str
    blob_name: str
    etag: str
    size: int
    output_container: str
    output_prefix: str
    limits: Limits = Limits()
    result_key: str = ""
    traceparent: str = ""
    partial: bool = False
    """Whether the file's partial is to be kept, for the daily roll-up."""

    def to_environment(self) -> dict[str, str]:
        """Write the parameters as environment variables; ASCII only."""
        return {
            "BATCHJSON_RUN_ID": self.run_id,
            "BATCHJSON_ATTEMPT": str(self.attempt),
            "BATCHJSON_INPUT_CONTAINER": self.input_container,
            "BATCHJSON_BLOB_NAME": _quoted(self.blob_name),
            "BATCHJSON_ETAG": self.etag,
            "BATCHJSON_SIZE": str(self.size),
            "BATCHJSON_OUTPUT_CONTAINER": self.output_container,
            "BATCHJSON_OUTPUT_PREFIX": _quoted(self.output_prefix),
            "BATCHJSON_LIMITS": msgspec.json.encode(self.limits).decode(),
            "BATCHJSON_RESULT_KEY": self.result_key,
            "BATCHJSON_PARTIAL": "1" if self.partial else "0",
            "TRACEPARENT": self.traceparent,
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> TaskParameters:
        """Read the parameters back.

        Raises
        ------
        InvalidDocument
            When a variable is missing or is not what it should be; the message names it.
        """
        try:
            return cls(
                run_id=environment["BATCHJSON_RUN_ID"],
                attempt=int(environment["BATCHJSON_ATTEMPT"]),
                input_container=environment["BATCHJSON_INPUT_CONTAINER"],
                blob_name=_unquoted(environment["BATCHJSON_BLOB_NAME"]),
                etag=environment["BATCHJSON_ETAG"],
                size=int(environment["BATCHJSON_SIZE"]),
                output_container=environment["BATCHJSON_OUTPUT_CONTAINER"],
                output_prefix=_unquoted(environment["BATCHJSON_OUTPUT_PREFIX"]),
                limits=_limits.decode(environment["BATCHJSON_LIMITS"]),
                result_key=environment.get("BATCHJSON_RESULT_KEY", ""),
                traceparent=environment.get("TRACEPARENT", ""),
                partial=environment.get("BATCHJSON_PARTIAL") == "1",
            )
        except KeyError as missing:
            raise InvalidDocument(f"The environment variable {missing.args[0]} is missing.") from missing
        except (ValueError, msgspec.MsgspecError) as problem:
            raise InvalidDocument(f"The task's environment cannot be read: {problem}") from problem


_limits = msgspec.json.Decoder(Limits)  # made once, at import: see docs/adr/0005


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="/")


def _unquoted(text: str) -> str:
    return unquote(text, encoding="utf-8", errors="surrogatepass")
