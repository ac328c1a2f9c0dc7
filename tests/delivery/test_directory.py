"""Files in directories: complete when they appear, and never elsewhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.delivery.channels import Channel, deliver
from core.delivery.message import Attachment, Message
from core.exceptions import DeliveryFailed
from tests.delivery.receivers import settings

AT = datetime(2026, 3, 1, tzinfo=UTC)


def to(address: str) -> Channel:
    return Channel(1, "files", "directory", address, None, AT, "admin")


def message(*files: Attachment, html: str | None = None) -> Message:
    return Message("Traffic", "1,234 events", AT, html=html, attachments=files)


def csv(name: str, content: bytes = b"day\r\n") -> Attachment:
    return Attachment(name, "text/csv", content)


def test_the_files_of_a_message_are_written_and_nothing_else(tmp_path: Path) -> None:
    receipt = deliver(to("a/b"), message(csv("x.csv"), html="<p>"), key="k", settings=settings(delivery_dir=tmp_path))
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x.csv"]
    assert receipt.reached == (str(tmp_path / "a" / "b" / "x.csv"),)


def test_a_message_without_files_is_written_as_html_with_its_images_or_as_text(tmp_path: Path) -> None:
    image = Attachment("c.png", "image/png", b"PNG", content_id="c")
    page = message(image, html='<img src="cid:c">')
    deliver(to("."), page, key="report-1", settings=settings(delivery_dir=tmp_path))
    deliver(to("."), message(), key="alert-1", settings=settings(delivery_dir=tmp_path))
    assert (tmp_path / "report-1.html").read_text() == '<img src="data:image/png;base64,UE5H">'
    assert "1,234 events" in (tmp_path / "alert-1.txt").read_text()


def test_a_second_delivery_replaces_the_first(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        deliver(to("."), message(csv("x.csv", content)), key="k", settings=settings(delivery_dir=tmp_path))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.csv", b"new")]


@pytest.mark.parametrize("name", ["../x.csv", "/etc/x.csv", "..", ".bashrc", "a\0b", "", "x" * 500])
def test_no_name_of_a_file_leads_out_of_the_directory(name: str, tmp_path: Path) -> None:
    deliver(to("in"), message(csv(name)), key="k", settings=settings(delivery_dir=tmp_path / "root"))
    (written,) = (tmp_path / "root" / "in").iterdir()
    assert not written.name.startswith(".")
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_no_link_leads_out_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(DeliveryFailed, match="leads out"):
        deliver(to("link"), message(csv("x.csv")), key="k", settings=settings(delivery_dir=tmp_path / "root"))
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_directory_that_cannot_be_written_is_worth_another_attempt(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DeliveryFailed, match="cannot be written") as failed:
        deliver(to("file/below"), message(csv("x.csv")), key="k", settings=settings(delivery_dir=tmp_path))
    assert failed.value.retryable


def test_a_write_that_fails_leaves_neither_a_part_nor_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = settings(delivery_dir=tmp_path)
    deliver(to("."), message(csv("x.csv", b"whole")), key="k", settings=options)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeliveryFailed, match="No space left"):
        deliver(to("."), message(csv("x.csv", b"new")), key="k", settings=options)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.csv", b"whole")]
