"""What the API says of itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.guard import Access, Guard
from api.parameters import Strict
from api.routes.common import router


def routes() -> APIRouter:
    made = router("own")

    @made.get(
        "/metrics",
        summary="Figures of the API itself",
        response_class=Response,
        responses={200: {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics(
        request: Request,
        access: Annotated[Access, Depends(Guard("read", "report"))],
        asked: Annotated[Strict, Query()],
    ) -> Response:
        """Calls, seconds and bytes per route since the API started, for Prometheus."""
        return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return made
