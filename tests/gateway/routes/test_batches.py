"""
The routes of batches.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit.testing import EmbeddedProvider, embedded_provider
from tests.gateway.batch_house import ENDPOINT, House, house, lines
from tests.gateway.upstream import config_of, upstream

_BATCH = re.compile("batch_[A-Za-z0-9]{24}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[House, EmbeddedProvider]]:
    """A gateway over the embedded provider, whose faults and clock the test has."""
    with embedded_provider(tmp_path / "home") as provider, house(tmp_path / "home") as opened:
        yield opened, provider


@pytest.fixture
def home(place: tuple[House, EmbeddedProvider]) -> House:
    """The gateway of `place`."""
    return place[0]


def _ended(home: House, **options: Any) -> Any:
    created = home.create(home.file(lines()), **options).json
    home.poll(lambda: home.row(created["id"]).is_booked)
    return home.admin.get(f"/v1/batches/{created['id']}").json


def test_a_batch_has_ids_of_the_gateway_and_the_callers_metadata(home: House) -> None:
    """
    Nothing of the provider's ids, nor of the mark by which it is found, is told, from its creation to its end.
    """
    file_id, metadata = home.file(lines()), {f"key-{number}": str(number) for number in range(16)}
    created = home.create(file_id, metadata=metadata)
    assert created.status == 200
    assert _BATCH.fullmatch(created.json["id"])
    assert created.json["input_file_id"] == file_id
    assert created.json["metadata"] == metadata
    row = home.row(created.json["id"])
    home.poll(lambda: home.row(row.id).is_booked)
    answers = [created, *(home.admin.get(f"{start}/batches/{row.id}") for start in ("/v1", "", "/local/v1"))]
    answers += [home.admin.get("/v1/batches"), home.admin.get("/v1/batches?limit=1")]
    told = b"".join(answer.body for answer in answers).decode()
    over = home.row(row.id)
    hidden = (over.upstream_id, over.intent, over.body["input_file_id"], over.body["output_file_id"], "aikit_intent")
    assert [each for each in hidden if each is None or each in told] == []
    assert all(answer.json["status"] == "completed" for answer in answers[1:4])


def test_what_a_batch_made_belongs_to_its_creator(place: tuple[House, EmbeddedProvider]) -> None:
    """
    Input, output and error file are in the list of the creating key, and in no other key's.
    """
    home, provider = place
    provider.fail_lines("line-1", status=400)
    one, other = home.key(), home.key()
    file_id = home.file(lines(), one)
    batch = home.create(file_id, one).json
    home.poll(lambda: home.row(batch["id"]).is_booked)
    over = one.get(f"/v1/batches/{batch['id']}").json
    registry = home.gateway.registry
    made = {row.id: row for row in registry.files.page(_principal(one)).rows}
    assert set(made) == {file_id, over["output_file_id"], over["error_file_id"]}
    assert made[over["output_file_id"]].filename == f"{batch['id']}_output.jsonl"
    assert made[over["output_file_id"]].size_bytes > 0
    upstream = made[over["output_file_id"]].body
    content = one.get(f"/v1/files/{over['output_file_id']}/content")
    told = (one.get(f"/v1/files/{over['output_file_id']}"), one.get("/v1/files"))
    for text in (*(answer.body.decode() for answer in told), content.headers["content-disposition"]):
        assert f"{batch['id']}_output.jsonl" in text
        assert str(home.row(batch["id"]).upstream_id) not in text
    assert content.status == 200
    assert upstream["purpose"] == "batch_output"
    assert registry.files.page(_principal(other)).rows == ()
    assert other.get(f"/v1/batches/{batch['id']}").status == 404
    assert other.post(f"/v1/batches/{batch['id']}/cancel").status == 404
    assert other.get("/v1/batches").json["data"] == []


def test_a_foreign_file_is_an_unknown_one(home: House) -> None:
    """
    Also as input of a batch, and also to the provider's own id of it, the answer is the same but for the id.
    """
    one, other = home.key(), home.key()
    file_id = home.file(lines(), one)
    upstream = home.gateway.registry.files.get(file_id, _principal(one))
    assert upstream is not None
    texts = set()
    for asked in (file_id, upstream.upstream_id, "file-" + "x" * 24, "file-%2e%2e", "\u00fc"):
        answer = home.create(asked, other)
        assert answer.status == 404
        assert answer.error["param"] == "input_file_id"
        texts.add(answer.error["message"].replace(asked, "ID"))
    assert len(texts) == 1
    assert home.create("file-unknown").error["message"].replace("file-unknown", "ID") in texts
    assert home.rows() == ()


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"endpoint": "/v1/nonsense"}, "endpoint", "invalid_value"),
        ({"endpoint": None}, "endpoint", "missing_required_parameter"),
        ({"completion_window": "48h"}, "completion_window", None),
        ({"completion_window": None}, "completion_window", "missing_required_parameter"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata", "object_above_max_properties"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a", "string_above_max_length"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "output_expires_after.seconds", None),
        ({"input_file_id": None}, "input_file_id", "missing_required_parameter"),
        ({"input_file_id": 7}, "input_file_id", "invalid_type"),
        ({"nonsense": 1}, "nonsense", "unknown_parameter"),
    ],
)
def test_what_openai_would_refuse_is_refused_in_its_words(
    home: House, fields: dict[str, Any], param: str, code: str | None
) -> None:
    """
    Nothing is sent, and the parameter is named.
    """
    answer = home.create("file-x", **fields)
    assert (answer.status, answer.error["type"], answer.error["param"]) == (400, "invalid_request_error", param)
    assert code is None or answer.error["code"] == code
    assert home.rows() == ()


@pytest.mark.parametrize("limit", ["0", "-1", "101", "abc", "1.5", ""])
def test_a_wrong_limit_is_refused(home: House, limit: str) -> None:
    """
    As OpenAI does, with status 400.
    """
    answer = home.admin.get(f"/v1/batches?limit={limit}")
    assert (answer.status, answer.error["param"]) == (400, "limit")


def test_pages_visit_each_batch_once(home: House) -> None:
    """
    The newest come first, ids of the page are the gateway's, and a cursor that is unknown is no error of the server.
    """
    file_id = home.file(lines())
    made = [home.create(file_id).json["id"] for _ in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = home.admin.get(f"/v1/batches?limit=2{after}").json
        ids = [batch["id"] for batch in page["data"]]
        assert (page["first_id"], page["last_id"]) == (ids[0], ids[-1])
        seen += ids
        if not page["has_more"]:
            break
        after = f"&after={ids[-1]}"
    assert seen == made[::-1]
    unknown = home.admin.get("/v1/batches?after=batch_unknown")
    assert (unknown.status, unknown.error["message"]) == (404, "No batch found with id 'batch_unknown'.")


def test_a_batch_is_cancelled_and_one_that_is_over_is_not(place: tuple[House, EmbeddedProvider]) -> None:
    """
    It keeps what was answered, its owner has the file, and the refusal is OpenAI's.
    """
    home, provider = place
    provider.fail_lines("line-1", delay=1e6)
    batch = home.create(home.file(lines(2))).json
    home.poll(lambda: home.row(batch["id"]).body.get("request_counts", {}).get("completed"))
    cancelled = home.admin.post(f"/v1/batches/{batch['id']}/cancel")
    assert cancelled.json["status"] in {"cancelling", "cancelled"}
    home.poll(lambda: home.row(batch["id"]).is_booked)
    over = home.admin.get(f"/v1/batches/{batch['id']}").json
    assert (over["status"], over["request_counts"]["completed"]) == ("cancelled", 1)
    assert over["output_file_id"] is not None
    assert over["usage"]["total_tokens"] > 0
    assert home.admin.post(f"/v1/batches/{batch['id']}/cancel").json["id"] == batch["id"]
    provider.heal()
    done = _ended(home)
    refused = home.admin.post(f"/v1/batches/{done['id']}/cancel")
    assert (refused.status, refused.error["message"]) == (409, "Cannot cancel a batch with status 'completed'.")


def test_the_account_is_told_of_a_batch_that_is_over(home: House) -> None:
    """
    Though nobody asks it any more, all answers about the batch name it in a header.
    """
    path = f"/v1/batches/{_ended(home)['id']}"
    answers = (home.admin.get(path), home.admin.post(f"{path}/cancel"))
    assert [(answer.status, answer.headers.get("x-litellm-model-id")) for answer in answers] == [
        (200, "local"),
        (409, "local"),
    ]


def test_unknown_ids_are_unknown(home: House) -> None:
    """
    Whatever they look like, the answer is a 404 with all four fields of an error.
    """
    for batch_id in ("batch_x", "file-x", "in.jsonl", "%00", "x" * 5_000):
        for answer in (home.admin.get(f"/v1/batches/{batch_id}"), home.admin.post(f"/v1/batches/{batch_id}/cancel")):
            assert answer.status == 404
            assert set(answer.error) == {"message", "type", "param", "code"}


def test_a_refusal_of_the_provider_leaves_nothing_behind(place: tuple[House, EmbeddedProvider]) -> None:
    """
    Its code and param come through, and no batch is noted any more.
    """
    home, provider = place
    body = {"error": {"message": "no room", "type": "invalid_request_error", "param": "p", "code": "token_limit"}}
    provider.fail("POST", "/batches", status=400, body=body)
    answer = home.create(home.file(lines()))
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "token_limit", "p")
    assert home.gateway.registry.batches.open_estimates(None) == 0
    assert home.gateway.registry.batches.due(1e12, 10, 1, "me") == ()


def test_an_idempotency_key_makes_one_batch(home: House) -> None:
    """
    The same key has the same batch, another batch with it is refused, and another caller's key is another one.
    """
    client = home.key()
    file_id, other = home.file(lines(), client), home.file(lines(), client)
    headers = {"idempotency-key": "mine"}
    one, two = (home.create(file_id, client, headers=headers) for _ in range(2))
    assert (one.status, two.json["id"]) == (200, one.json["id"])
    assert home.create(other, client, headers=headers).status == 400
    foreign = home.create(home.file(lines()), headers=headers)
    assert foreign.json["id"] != one.json["id"]
    assert home.create(file_id, client, headers={"idempotency-key": "x" * 256}).status == 400
    assert len(home.rows()) == 2


def test_keys_may_ask_their_own_models_only(home: House) -> None:
    """
    The models of the file's lines are looked at when a batch is created, whether its facts are known or not.
    """
    client = home.key(models=("other",))
    for has_facts in (True, False):
        answer = home.create(home.file(lines(), client, has_facts=has_facts), client)
        assert (answer.status, answer.error["code"]) == (403, "key_model_access_denied")
    assert home.rows() == ()


def test_the_cost_is_on_the_batch_when_it_is_seen_to_be_over(home: House) -> None:
    """
    Who asks until it is completed has its cost in that very answer, and in a header.
    """

    async def run() -> Any:
        file_id = home.file(lines())
        async with home.polling():
            order = f'{{"input_file_id":"{file_id}","endpoint":"{ENDPOINT}","completion_window":"24h"}}'
            batch_id = (await home.admin.asend("POST", "/v1/batches", body=[order.encode()])).json["id"]
            while True:
                answer = await home.admin.asend("GET", f"/v1/batches/{batch_id}")
                if answer.json["status"] == "completed":
                    return answer
                await asyncio.sleep(0.02)

    answer = asyncio.run(run())
    told = answer.json["aikit"]
    assert (told["cost"], told["cost_is_complete"]) == (0.0, True)
    assert [model["requests"] for model in told["models"].values()] == [2]
    assert answer.json["usage"]["total_tokens"] > 0
    assert answer.headers["x-litellm-response-cost"] == "0"


def test_a_list_of_a_provider_has_the_batches_of_all_its_accounts(tmp_path: Path) -> None:
    """
    Named by path, header or query; a name of one account has that one's.
    """
    with upstream() as one, upstream() as two, house(tmp_path, config_of(one, two)) as home:
        made = [home.create(home.file(lines(), account=account)).json["id"] for account in ("one", "two")]
        for target, headers, wanted in (
            ("/v1/batches", {}, made),
            ("/openai/v1/batches", {}, made),
            ("/v1/batches?custom_llm_provider=openai", {}, made),
            ("/v1/batches", {"custom-llm-provider": "openai"}, made),
            ("/v1/batches?model=two", {}, made[1:]),
            ("/v1/batches", {"x-litellm-model": "one"}, made[:1]),
        ):
            answer = home.admin.send("GET", target, headers=headers)
            assert [batch["id"] for batch in answer.json["data"]] == wanted[::-1], target


def test_metadata_for_which_a_provider_has_no_room_is_kept_all_the_same(tmp_path: Path) -> None:
    """
    By the gateway: Vertex AI and Gemini have room for some bytes only.
    """
    with upstream() as one, house(tmp_path, config_of(one)) as home:
        one.takes_metadata = False
        metadata = {"key": "x" * 512}
        created = home.create(home.file(lines()), metadata=metadata)
        assert (created.status, created.json["metadata"]) == (200, metadata)
        home.poll(lambda: len(one.asked) > 5)
        assert home.admin.get(f"/v1/batches/{created.json['id']}").json["metadata"] == metadata
        (batch,) = one.batches.values()
        assert set(batch["metadata"]) == {"aikit_intent"}


def test_a_caller_cannot_set_the_mark(tmp_path: Path) -> None:
    """
    A pair of that name is kept, as programs of aikit before the gateway need, and the provider gets another.
    """
    with upstream() as one, house(tmp_path, config_of(one)) as home:
        created = home.create(home.file(lines()), metadata={"aikit_intent": "mine"}).json
        assert created["metadata"] == {"aikit_intent": "mine"}
        (batch,) = one.batches.values()
        assert batch["metadata"]["aikit_intent"] == home.row(created["id"]).intent != "mine"


def test_a_lost_answer_is_told_without_the_mark(tmp_path: Path) -> None:
    """
    The caller learns that the batch may exist, SDKs do not try again by themselves, and the batch is found.
    """
    with upstream() as one, house(tmp_path, config_of(one), max_retries=0) as home:
        file_id = home.file(lines())
        one.refuses = lambda method, _: 500 if method == "GET" else None
        one.loses_answers = True
        answer = home.create(file_id)
        assert answer.status in {502, 504}
        assert answer.headers["x-should-retry"] == "false"
        assert "aikit" not in answer.body.decode()
        assert home.rows() == ()
        one.refuses = lambda *_: None
        home.poll(home.rows)
        assert len(one.batches) == 1


def _principal(client: Any) -> Any:
    row = client.app.gateway.registry.keys.by_key(client.key)
    return row.principal()


def test_the_master_key_may_name_files_and_batches_as_their_provider_does(home: House) -> None:
    """
    What was made without the gateway goes on, under the provider's ids; no other key sees it.
    """
    client = home.gateway.client
    file = client.files.create(lines(), "batch", provider="local", filename="a.jsonl").throw().file
    assert file is not None
    batch = client.batches.create(file.id, ENDPOINT, provider="local", metadata={"a": "b"}).throw().batch
    assert batch is not None
    client.batches.wait(batch.id, provider="local").throw()
    told = home.admin.get(f"/v1/batches/{batch.id}").json
    assert (told["id"], told["input_file_id"], told["status"]) == (batch.id, file.id, "completed")
    assert told["metadata"]["a"] == "b"
    assert home.admin.get(f"/v1/files/{told['output_file_id']}/content").status == 200
    assert home.admin.post(f"/v1/batches/{batch.id}/cancel").status in {400, 409}
    assert home.admin.get("/v1/batches/batch_nothing").status == 404
    created = home.create(file.id).json
    assert (created["input_file_id"], created["id"][:6]) == (file.id, "batch_")
    tenant = home.key()
    for answer in (tenant.get(f"/v1/batches/{batch.id}"), home.create(file.id, tenant)):
        assert answer.status == 404
