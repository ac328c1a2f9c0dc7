"""A relay that can be stopped, as the tests of ingest have it."""

from tests.ingest.conftest import scripted

__all__ = ["scripted"]
