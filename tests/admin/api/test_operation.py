"""What a path takes and gives."""

import pytest
from flask import Blueprint, Flask
from werkzeug.wrappers import Response

from ccx_admin.api import problem
from ccx_admin.api.operation import OPERATIONS, Operation, operation
from ccx_admin.api.schema import integer, table, text


@pytest.fixture
def app() -> Flask:
    known = set(OPERATIONS)
    area = Blueprint("api_trial", __name__)

    @operation(area, "GET", "/api/trial", query={"n": integer(high=9, default=3), "word": text()})
    def look(query: dict[str, object]) -> dict[str, object]:
        """Look
        closely."""
        return query

    @operation(area, "POST", "/api/trial/<id>", body=table({"x": integer()}), status=201)
    def make(id: str, body: dict[str, object]) -> dict[str, object]:
        """Make."""
        return {"id": id, "body": body}

    @operation(area, "GET", "/api/trial/file", media=("text/csv",))
    def file() -> Response:
        """A file."""
        return Response("a,b", content_type="text/csv")

    app = Flask(__name__)
    app.register_blueprint(area)
    app.register_error_handler(problem.Failure, problem.answer)
    for name in set(OPERATIONS) - known:
        app.extensions[name] = OPERATIONS.pop(name)
    return app


def test_query(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/api/trial").json == {"n": 3}
    assert client.get("/api/trial?n=4&word=a&more=1").json == {"n": 4, "word": "a"}
    assert client.get("/api/trial?n=10").status_code == 422


def test_body(app: Flask) -> None:
    client = app.test_client()
    answer = client.post("/api/trial/a%2Fb", json={"x": 1})
    assert answer.status_code == 404
    answer = client.post("/api/trial/ab", json={"x": 1})
    assert (answer.status_code, answer.json) == (201, {"id": "ab", "body": {"x": 1}})
    assert client.post("/api/trial/ab").json == {"id": "ab", "body": {}}
    assert client.post("/api/trial/ab", json={"y": 1}).status_code == 422


def test_files(app: Flask) -> None:
    assert app.test_client().get("/api/trial/file").content_type == "text/csv"


def test_is_described(app: Flask) -> None:
    found = app.extensions["api_trial.look"]
    assert isinstance(found, Operation)
    assert (found.summary, found.area, found.status) == ("Look closely.", "trial", 200)
