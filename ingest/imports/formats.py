"""Which reader a file needs: told by its first lines."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from core.exceptions import ImportFileError
from ingest.imports import nginx, own, strfry_lines
from ingest.imports.content import PARQUET
from ingest.imports.lines import BadLine, PassedOver, Reader
from ingest.imports.naming import Naming
from ingest.imports.nginx import NginxReader
from ingest.imports.own import CsvReader, JsonReader
from ingest.imports.strfry import StrfryReader

FORMATS = ("ndjson", "json", "csv", "parquet", "strfry", "nginx")
LINES_SEEN = 200


def detect(head: bytes) -> str | None:
    """The format of a content that begins like this; None: it is none of ours."""
    if head.startswith(PARQUET):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        return "ndjson"
    if text.startswith(b"["):
        return "json"
    for line in head.split(b"\n")[:LINES_SEEN]:
        found = _of_line(line.rstrip(b"\r"))
        if found is not None:
            return found
    return None


def _of_line(line: bytes) -> str | None:
    if strfry_lines.parse(line, ZoneInfo("UTC")) is not None:
        return "strfry"
    try:
        nginx.parse(line)
    except PassedOver:
        return "nginx"
    except BadLine:
        pass
    else:
        return "nginx"
    try:
        own.header_of(line)
    except BadLine:
        return None
    return "csv"


def reader_for(name: str, naming: Naming, zone: ZoneInfo) -> Reader:
    """A reader of lines. Raises ImportFileError for a format that is none."""
    match name:
        case "ndjson" | "parquet":
            return JsonReader()
        case "json":
            return JsonReader(array=True)
        case "csv":
            return CsvReader()
        case "strfry":
            return StrfryReader(naming, zone)
        case "nginx":
            return NginxReader(naming)
    raise ImportFileError(f"Format {name!r} is unknown; use one of {', '.join(FORMATS)}.")
