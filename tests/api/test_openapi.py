"""The OpenAPI document against the API: Schemathesis makes calls from it, right ones and wrong ones."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from api.app import create_app
from core.settings import Settings
from core.storage.database import Database
from tests.api.served import Served

pytestmark = pytest.mark.xdist_group("api-openapi")

NOBODY = create_app(Database("postgresql://nobody@127.0.0.1:1/nothing"), Settings(_env_file=None))
OPERATIONS = [f"{method.upper()} {path}" for path, item in NOBODY.openapi()["paths"].items() for method in item]
EXAMPLES = 8
CONFIG: dict[str, Any] = {
    "checks": {
        # What one parameter can be may depend on another (an end before its start, a client together with a kind):
        # OpenAPI cannot say that, so a call that it allows may still be refused, as 422 with a reason.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "422"]},
    }
}


@pytest.fixture(scope="module")
def document(served: Served) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", served.app, config=SchemathesisConfig.from_dict(CONFIG))


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_is_answered_as_the_document_says(
    name: str, mode: GenerationMode, document: Any, served: Served
) -> None:
    method, path = name.split()
    operation = document[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.path_parameters or operation.body):
        pytest.skip("takes nothing that could be wrong")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def answered(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {served.tokens['admin']}"})

    answered()
