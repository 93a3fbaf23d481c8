"""The filters, order and pages that the List operations share."""

from __future__ import annotations

from typing import Any

from emulator.errors import invalid

_SORT_FIELDS = {"CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime"}
_DEFAULT_PAGE = 10


def page(records: list[dict[str, Any]], request: dict[str, Any], name_field: str) -> tuple[list[dict[str, Any]], str | None]:
    """One page of the records that a List request asks for, and the token of the next page or None."""
    found = [record for record in records if _matches(record, request, name_field)]
    field = _SORT_FIELDS.get(request.get("SortBy", "CreationTime"), name_field)
    found.sort(key=lambda record: record.get(field, record["CreationTime"]), reverse=request.get("SortOrder", "Descending") == "Descending")
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", _DEFAULT_PAGE)
    return found[start:end], str(end) if end < len(found) else None


def _matches(record: dict[str, Any], request: dict[str, Any], name_field: str) -> bool:
    created, modified = record["CreationTime"], record.get("LastModifiedTime", record["CreationTime"])
    return (
        request.get("NameContains", "").lower() in record[name_field].lower()
        and request.get("StatusEquals") in (None, record.get("EndpointStatus"))
        and request.get("CreationTimeAfter", 0) <= created <= request.get("CreationTimeBefore", float("inf"))
        and request.get("LastModifiedTimeAfter", 0) <= modified <= request.get("LastModifiedTimeBefore", float("inf"))
    )


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise invalid(f"NextToken {token!r} is not one that this service gave out.")
    return int(token)
