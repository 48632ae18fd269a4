"""
One order on every route: whichever way a request names its account, the same one is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import pytest

from aikit.gateway.app import ENDPOINTS
from aikit.gateway.state import Gateway
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.gateways import lines, master_of, opened

CONFIG: Final = """
model_list:
  - model_name: alpha
    litellm_params: {model: hosted_vllm/x, api_base: "http://127.0.0.1:9/v1"}
    model_info: {id: id-alpha}
  - model_name: beta
    litellm_params: {model: ollama/y, api_base: "http://127.0.0.1:9"}
    model_info: {id: id-beta}
"""
BETA: Final = {"model": "beta"}
UPLOAD: Final = {"filename": "a.txt", "purpose": "user_data", "bytes": 4, "mime_type": "text/plain"}


@attrs.frozen
class Naming:
    """
    Where a request names an account, and how.
    """

    prefix: str = "/v1"
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    fields: Mapping[str, str] = attrs.field(factory=dict)


WAYS: Final = {
    "path": Naming(prefix="/ollama/v1"),
    "path of an account": Naming(prefix="/beta/v1"),
    "header of a provider": Naming(headers={"custom-llm-provider": "ollama"}),
    "header of a model": Naming(headers={"x-litellm-model": "beta"}),
    "query of a provider": Naming(query="?custom_llm_provider=ollama"),
    "query of a provider, short": Naming(query="?provider=ollama"),
    "query of a model": Naming(query="?model=beta"),
    "form or body of a provider": Naming(fields={"custom_llm_provider": "ollama"}),
    "form or body of a model": Naming(fields=BETA),
    "form or body of target models": Naming(fields={"target_model_names": "beta"}),
    "path before body": Naming(prefix="/ollama/v1", fields={"model": "alpha"}),
    "header before query": Naming(headers={"custom-llm-provider": "ollama"}, query="?provider=hosted_vllm"),
    "query before body": Naming(query="?model=beta", fields={"custom_llm_provider": "hosted_vllm"}),
}
CONTRARY: Final = {
    "nothing": Naming(),
    "path of the other": Naming(prefix="/hosted_vllm/v1"),
    "header of the other": Naming(headers={"x-litellm-model": "alpha"}),
    "query of the other": Naming(query="?custom_llm_provider=hosted_vllm"),
    "body of the other": Naming(fields={"model": "alpha"}),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with two accounts whose batches it runs itself."""
    with opened(tmp_path_factory.mktemp("gateway"), CONFIG) as opened_gateway:
        yield opened_gateway


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Asgi:
    """A client with the master key."""
    return master_of(gateway)


def form(client: Asgi, path: str, named: Naming, part: str, content: tuple[str, bytes], **fields: str) -> Answer:
    """
    Send a form whose fields stand before the file.
    """
    pairs: list[Any] = [*fields.items(), *named.fields.items(), (part, content)]
    return client.form(f"{named.prefix}{path}{named.query}", pairs, headers=named.headers)


def json(client: Asgi, path: str, named: Naming, **value: Any) -> Answer:
    """
    Send JSON.
    """
    return client.post(f"{named.prefix}{path}{named.query}", value | dict(named.fields), headers=named.headers)


def plain(client: Asgi, method: str, path: str, named: Naming) -> Answer:
    """
    Send a request without a body.
    """
    return client.send(method, f"{named.prefix}{path}{named.query}", headers=named.headers)


def new_file(client: Asgi) -> str:
    """
    Return the id of a batch file at the second account.
    """
    answer = form(client, "/files", Naming(fields=BETA), "file", ("a.jsonl", lines("beta")), purpose="batch")
    return str(answer.json["id"])


def new_upload(client: Asgi) -> str:
    """
    Return the id of an upload at the second account.
    """
    return str(json(client, "/uploads", Naming(fields=BETA), **UPLOAD).json["id"])


def new_part(client: Asgi, upload_id: str) -> str:
    """
    Return the id of the one part of an upload.
    """
    return str(form(client, f"/uploads/{upload_id}/parts", Naming(), "data", ("blob", b"text")).json["id"])


def new_batch(client: Asgi) -> str:
    """
    Return the id of a batch at the second account.
    """
    return str(create_batch(client, Naming()).json["id"])


def create_batch(client: Asgi, named: Naming) -> Answer:
    """
    Create a batch of a file that is at the second account.
    """
    order = {"input_file_id": new_file(client), "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    return json(client, "/batches", named, **order)


def complete(client: Asgi, named: Naming) -> Answer:
    """
    Complete an upload that is at the second account.
    """
    upload_id = new_upload(client)
    return json(client, f"/uploads/{upload_id}/complete", named, part_ids=[new_part(client, upload_id)])


Sent = Callable[[Asgi, Naming], Answer]
OF_NO_ID: Final[Mapping[tuple[str, str], Sent]] = {
    ("POST", "/files"): lambda client, named: form(
        client, "/files", named, "file", ("a.txt", b"text"), purpose="user_data"
    ),
    ("POST", "/uploads"): lambda client, named: json(client, "/uploads", named, **UPLOAD),
}
OF_AN_ID: Final[Mapping[tuple[str, str], Sent]] = {
    ("GET", "/files/{file_id}"): lambda client, named: plain(client, "GET", f"/files/{new_file(client)}", named),
    ("GET", "/files/{file_id}/content"): lambda client, named: plain(
        client, "GET", f"/files/{new_file(client)}/content", named
    ),
    ("HEAD", "/files/{file_id}/content"): lambda client, named: plain(
        client, "HEAD", f"/files/{new_file(client)}/content", named
    ),
    ("DELETE", "/files/{file_id}"): lambda client, named: plain(client, "DELETE", f"/files/{new_file(client)}", named),
    ("POST", "/uploads/{upload_id}/parts"): lambda client, named: form(
        client, f"/uploads/{new_upload(client)}/parts", named, "data", ("blob", b"text")
    ),
    ("POST", "/uploads/{upload_id}/complete"): complete,
    ("POST", "/uploads/{upload_id}/cancel"): lambda client, named: json(
        client, f"/uploads/{new_upload(client)}/cancel", named
    ),
    ("POST", "/batches"): create_batch,
    ("GET", "/batches/{batch_id}"): lambda client, named: plain(client, "GET", f"/batches/{new_batch(client)}", named),
    ("POST", "/batches/{batch_id}/cancel"): lambda client, named: json(
        client, f"/batches/{new_batch(client)}/cancel", named
    ),
}
LISTS: Final = (("GET", "/files"), ("GET", "/batches"))
OTHERS: Final = (("GET", "/models"), ("GET", "/models/{model}"), ("GET", "/model/info"))
TABLE: Final = {(endpoint.method, endpoint.template) for endpoint in ENDPOINTS if not endpoint.is_own}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("route", [route for route in OF_NO_ID if route in TABLE])
def test_what_is_new_goes_where_it_is_named_to_go(client: Asgi, route: tuple[str, str], way: str) -> None:
    """
    Path, header, query, form and body name the account, in this order.
    """
    answer = OF_NO_ID[route](client, WAYS[way])
    assert (answer.status, answer.headers["x-litellm-model-id"]) == (200, "id-beta")


@pytest.mark.parametrize("route", [route for route in OF_NO_ID if route in TABLE])
def test_what_is_new_and_names_nothing_goes_to_the_default(client: Asgi, route: tuple[str, str]) -> None:
    """
    Without a name the first account of the configuration is asked.
    """
    assert OF_NO_ID[route](client, Naming()).headers["x-litellm-model-id"] == "id-alpha"


@pytest.mark.parametrize("way", WAYS | CONTRARY)
@pytest.mark.parametrize("route", [route for route in OF_AN_ID if route in TABLE])
def test_an_id_is_enough_and_stands_above_all_names(client: Asgi, route: tuple[str, str], way: str) -> None:
    """
    What the registry knows of the id counts, also where the request names another account.
    """
    answer = OF_AN_ID[route](client, (WAYS | CONTRARY)[way])
    assert (answer.status, answer.headers["x-litellm-model-id"]) == (200, "id-beta")


@pytest.mark.parametrize("way", [way for way, named in WAYS.items() if not named.fields])
@pytest.mark.parametrize("route", [route for route in LISTS if route in TABLE])
def test_a_list_has_what_is_named_or_all(client: Asgi, route: tuple[str, str], way: str) -> None:
    """
    A name narrows a list to one account; without any, it has those of all accounts.
    """
    _, path = route
    if path == "/files":
        new_file(client)
        OF_NO_ID["POST", "/files"](client, Naming())
    else:
        new_batch(client)
    named = {each["id"] for each in plain(client, "GET", path, WAYS[way]).json["data"]}
    everything = {each["id"] for each in plain(client, "GET", path, Naming()).json["data"]}
    other = {each["id"] for each in plain(client, "GET", path, Naming(query="?model=alpha")).json["data"]}
    assert named
    assert (named | other, named & other) == (everything, set())


@pytest.mark.parametrize("route", sorted(TABLE))
def test_unknown_names_are_refused_on_every_route(client: Asgi, route: tuple[str, str]) -> None:
    """
    Before anything of a body is read, and whatever the id.
    """
    method, template = route
    path = template.replace("{", "").replace("}", "")
    client = client.with_key(client.key)
    for named in (
        Naming(prefix="/nothing/v1"),
        Naming(headers={"custom-llm-provider": "nothing"}),
        Naming(headers={"x-litellm-model": "nothing"}),
        Naming(query="?model=nothing"),
    ):
        answer = plain(client, method, path, named)
        assert (answer.status, client.reads) == (400, 0)
        assert answer.error["code"] in {"unknown_provider", "model_not_found"}


def test_every_route_is_in_this_table() -> None:
    """
    A new route is tried here in all ways.
    """
    assert TABLE - {*OF_NO_ID, *OF_AN_ID, *LISTS, *OTHERS} == set()
