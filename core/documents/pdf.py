"""A document as PDF, set by WeasyPrint, which draws with the Pango library of the system."""

from __future__ import annotations

from core.documents.document import Document
from core.documents.html import for_print
from core.exceptions import PdfUnavailableError
from core.reports.declaration import Result


def as_pdf(document: Document, result: Result, *, told: str) -> bytes:
    """Raises PdfUnavailableError where Pango is missing."""
    try:
        from weasyprint import HTML
    except OSError as error:
        raise PdfUnavailableError from error
    pdf: bytes = HTML(string=for_print(document, result, told=told)).write_pdf()
    return pdf
