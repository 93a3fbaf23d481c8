"""The filters, order and pages that every List operation has."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.errors import invalid

Record = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """How one List operation reads its records.

    Parameters
    ----------
    member
        The output's list.
    fields
        The record's fields behind the names that requests use: `Name`, `CreationTime`, `LastModifiedTime`, `Status`.
    summary
        What the list shows of a record; modelled members only are sent anyway.
    order
        The order when the request has none.
    page
        The size of a page when the request has none.
    """

    member: str
    fields: Mapping[str, str]
    summary: Callable[[Record], Record] = lambda record: record
    order: str = "Ascending"
    page: int = 100

    def answer(self, records: list[Record], request: Mapping[str, Any]) -> dict[str, Any]:
        """The page of the records that the request asks for, with its NextToken.

        Raises
        ------
        ApiError
            When the token is not one of ours.
        """
        kept = sorted((record for record in records if self._kept(record, request)), key=lambda record: self._key(record, request))
        if request.get("SortOrder", self.order) == "Descending":
            kept.reverse()
        begin = _offset(request.get("NextToken"))
        end = begin + request.get("MaxResults", self.page)
        token = {"NextToken": _token(end)} if end < len(kept) else {}
        return {self.member: [self.summary(record) for record in kept[begin:end]]} | token

    def _kept(self, record: Record, request: Mapping[str, Any]) -> bool:
        name, created = record[self.fields["Name"]], record[self.fields["CreationTime"]]
        modified = record.get(self.fields.get("LastModifiedTime", "LastModifiedTime"), created)
        bounds = (
            created > request.get("CreationTimeAfter", request.get("CreatedAfter", float("-inf"))),
            created < request.get("CreationTimeBefore", request.get("CreatedBefore", float("inf"))),
            modified > request.get("LastModifiedTimeAfter", float("-inf")),
            modified < request.get("LastModifiedTimeBefore", float("inf")),
            request.get("NameContains", "").lower() in name.lower(),
        )
        return all(bounds) and ("StatusEquals" not in request or record.get(self.fields["Status"]) == request["StatusEquals"])

    def _key(self, record: Record, request: Mapping[str, Any]) -> Any:
        wanted = request.get("SortBy", "CreationTime")
        return record.get(self.fields.get(wanted, self.fields["CreationTime"]), "")


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["offset"])
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise invalid("NextToken is not a token of an earlier answer: leave it out to start anew") from None
