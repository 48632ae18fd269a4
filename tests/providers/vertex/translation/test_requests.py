"""
Chat completions and embeddings as Gemini takes them.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.providers.vertex.translation.translating import (
    CHAT,
    HELLO,
    content_of,
    errors_of,
    lines_of,
    refusal_of,
    request_of,
    staged,
)

_TURN: Final = {"role": "user", "parts": [{"text": "Hello"}]}


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _user(*items: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(items)}]


def _image(url: str, **detail: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def test_a_line_gets_the_key_of_its_number_and_no_model() -> None:
    """
    The job has the model; the key begins with a letter, since what looks like a number comes back as one.
    """
    bodies = [{"model": "gemini-2.5-flash", "messages": HELLO}] * 2
    assert lines_of(content_of(bodies)) == [
        {"key": "r-1", "request": {"contents": [_TURN]}},
        {"key": "r-2", "request": {"contents": [_TURN]}},
    ]


def test_system_messages_anywhere_become_the_system_instruction_in_their_order() -> None:
    """
    Those of developers, too; the turns around them are joined.
    """
    request = request_of(
        messages=[
            {"role": "system", "content": "one"},
            {"role": "user", "content": "a"},
            {"role": "developer", "content": [{"type": "text", "text": "two"}]},
            {"role": "user", "content": "b"},
            {"role": "assistant", "content": "c"},
            {"role": "system", "content": "three"},
        ]
    )
    assert request == {
        "systemInstruction": {"parts": [{"text": "one"}, {"text": "two"}, {"text": "three"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}]},
        ],
    }


def test_calls_and_parallel_results_find_each_other() -> None:
    """
    The name of a result comes from its call; an object stays one, all else is wrapped; results are one turn.
    """
    calls = [_call("a", "first", '{"x": 1, "y": null, "z": {}}'), _call("b", "second", "{}")]
    request = request_of(
        messages=[
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "b", "content": "[1, 2]"},
            {"role": "tool", "tool_call_id": "a", "content": '{"ok": true}'},
        ]
    )
    assert request["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "a", "name": "first", "args": {"x": 1}}},
                {"functionCall": {"id": "b", "name": "second"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "b", "name": "second", "response": {"output": "[1, 2]"}}},
                {"functionResponse": {"id": "a", "name": "first", "response": {"ok": True}}},
            ],
        },
    ]


@pytest.mark.parametrize("result", ['{"a b": 1}', '{"a": null}', '{"a": {}}', '{"a": [[1]]}', "{}", "{nonsense", ""])
def test_a_result_that_the_importer_could_not_read_is_given_as_text(result: str) -> None:
    """
    Nothing of it is lost.
    """
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [_call("a", "f", "{}")]},
        {"role": "tool", "tool_call_id": "a", "content": result},
    ]
    (part,) = request_of(messages=messages)["contents"][2]["parts"]
    assert part["functionResponse"]["response"] == {"output": result}


def test_a_result_of_another_type_than_before_is_given_as_text() -> None:
    """
    The importer takes one type for each name, in all lines.
    """
    bodies = [
        {
            "model": "gemini-2.5-flash",
            "messages": [
                *HELLO,
                {"role": "assistant", "tool_calls": [_call("a", "f", "{}")]},
                {"role": "tool", "tool_call_id": "a", "content": content},
            ],
        }
        for content in ('{"t": 1}', '{"t": "1"}', '{"T": 2.5}')
    ]
    found = [line["request"]["contents"][2]["parts"][0] for line in lines_of(content_of(bodies))]
    responses = [part["functionResponse"]["response"] for part in found]
    assert responses == [{"t": 1}, {"output": '{"t": "1"}'}, {"T": 2.5}]


def test_signatures_of_calls_are_kept_and_gemini_3_gets_one_for_calls_of_others() -> None:
    """
    Without one it refuses a conversation that another model began.
    """
    signed = {**_call("a", "f", "{}"), "extra_content": {"google": {"thought_signature": "c2ln"}}}
    messages: list[dict[str, Any]] = [
        *HELLO,
        {"role": "assistant", "tool_calls": [signed, _call("b", "f", "{}")]},
    ]
    old, new = (request_of(model=model, messages=messages) for model in ("gemini-2.5-pro", "gemini-3-pro-preview"))
    assert [part.get("thoughtSignature") for part in old["contents"][1]["parts"]] == ["c2ln", None]
    assert [part.get("thoughtSignature") for part in new["contents"][1]["parts"]] == ["c2ln", None]
    messages[1]["tool_calls"] = [_call("b", "f", "{}")]
    new = request_of(model="gemini-3-pro-preview", messages=messages)
    assert new["contents"][1]["parts"][0]["thoughtSignature"] == "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="


def test_images_sound_and_documents_become_data_or_places_in_buckets() -> None:
    """
    The media type is that of the URL, the format, or the name.
    """
    request = request_of(
        messages=_user(
            {"type": "text", "text": "Grüße 🎈"},
            {"type": "text", "text": ""},
            _image("data:image/png;base64,AAAA"),
            _image("gs://bucket/a/b.JPG"),
            {"type": "input_audio", "input_audio": {"format": "wav", "data": "BBBB"}},
            {"type": "file", "file": {"filename": "x.pdf", "file_data": "CCCC"}},
            {"type": "file", "file": {"file_data": "data:text/plain;base64,DDDD"}},
            {"type": "file", "file": {"file_id": "gs://bucket/c.pdf"}},
        )
    )
    assert request["contents"][0]["parts"] == [
        {"text": "Grüße 🎈"},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://bucket/a/b.JPG"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "BBBB"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "CCCC"}},
        {"inlineData": {"mimeType": "text/plain", "data": "DDDD"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/c.pdf"}},
    ]


def test_an_object_without_an_ending_is_what_the_filename_beside_it_says() -> None:
    """
    As what files.create has stored, of which ``extra["uri"]`` tells where it is.
    """
    place = "gs://my-bucket/aikit/files/PRXniuJ-JIEL-xzLQElRgg"
    (turn,) = request_of(messages=_user({"type": "file", "file": {"file_id": place, "filename": "a.PDF"}}))["contents"]
    assert turn["parts"] == [{"fileData": {"mimeType": "application/pdf", "fileUri": place}}]


@pytest.mark.parametrize("data", ["AAAA\nAA==\n", "AAAAAA==", "AAAAAA", "--__"])
def test_base64_is_what_google_reads(data: str) -> None:
    """
    Lines as of electronic mail are joined; padding and alphabet are as they came.
    """
    (turn,) = request_of(messages=_user(_image(f"data:image/png;base64,{data}")))["contents"]
    assert turn["parts"][0]["inlineData"]["data"] == "".join(data.split())


def test_the_detail_of_images_is_that_of_the_request_or_of_each_with_gemini_3() -> None:
    """
    It decides what images cost; different ones in one request are refused where they cannot be told.
    """
    low, high = (_image("data:image/png;base64,AAAA", detail=detail) for detail in ("low", "high"))
    sound = {"type": "input_audio", "input_audio": {"format": "wav", "data": "BBBB"}}
    assert request_of(messages=_user(low, sound, low))["generationConfig"] == {
        "mediaResolution": "MEDIA_RESOLUTION_LOW"
    }
    parts = request_of(model="gemini-3-flash-preview", messages=_user(low, high))["contents"][0]["parts"]
    assert [part["mediaResolution"]["level"] for part in parts] == ["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"]
    assert "different detail" in refusal_of(messages=_user(low, high)).message


def test_parameters_become_the_generation_configuration() -> None:
    """
    Nulls are as if they were not there.
    """
    request = request_of(
        temperature=0.5,
        top_p=1,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=-1,
        max_tokens=5,
        max_completion_tokens=9,
        stop="end",
        n=2,
        logprobs=True,
        top_logprobs=3,
        logit_bias=None,
        parallel_tool_calls=False,
    )
    assert request["generationConfig"] == {
        "temperature": 0.5,
        "topP": 1,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": -1,
        "maxOutputTokens": 9,
        "stopSequences": ["end"],
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 3,
    }


def test_json_is_asked_for_in_both_forms() -> None:
    """
    The order of the properties is told, since OpenAI's models keep it.
    """
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}, "required": ["b"]}
    told = {"name": "n", "strict": True, "description": "d", "schema": schema}
    assert request_of(response_format={"type": "json_object"})["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    assert request_of(response_format={"type": "json_schema", "json_schema": told})["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseSchema": {
            "type": "OBJECT",
            "description": "d",
            "properties": {"b": {"type": "STRING"}, "a": {"type": "INTEGER"}},
            "required": ["b"],
            "propertyOrdering": ["b", "a"],
        },
    }
    assert "generationConfig" not in request_of(response_format={"type": "text"})


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("none", {"mode": "NONE"}),
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_tools_are_one_tool_and_the_choice_its_configuration(choice: Any, told: Any) -> None:
    """
    A function without parameters has none at Vertex AI either; those of others are an object, said or not.
    """
    one = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    tools = [
        {"type": "function", "function": {"name": "f", "description": "d", "strict": True}},
        {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
        {"type": "function", "function": {"name": "h", "parameters": {"properties": {"a": {"type": "string"}}}}},
    ]
    request = request_of(tools=tools, tool_choice=choice)
    assert request["tools"] == [
        {"functionDeclarations": [{"name": "f", "description": "d"}, {"name": "g"}, {"name": "h", "parameters": one}]}
    ]
    assert request["toolConfig"] == {"functionCallingConfig": told}


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("google/gemini-2.5-pro", "high", {"thinkingBudget": 24576}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "MEDIUM"}),
        ("gemini-3.5-flash", "minimal", {"thinkingLevel": "MINIMAL"}),
    ],
)
def test_the_effort_is_a_budget_or_a_level(model: str, effort: str, thinking: Any) -> None:
    """
    Which of the two, the model's family decides.
    """
    assert request_of(model=model, reasoning_effort=effort)["generationConfig"] == {"thinkingConfig": thinking}


def test_what_changes_neither_answer_nor_price_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """
    Once for the file, by name.
    """
    harmless: dict[str, Any] = {
        "user": "u",
        "metadata": {"a": "b"},
        "store": True,
        "stream": False,
        "service_tier": "auto",
    }
    with caplog.at_level("INFO", "aikit"):
        assert request_of(**harmless) == {"contents": [_TURN]}
    assert caplog.messages == ["in.jsonl: Vertex AI has no metadata, store, stream, user, which was left out"]


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"messages": _user(_image("https://x.org/a.png"))}, "messages[0].content[0].image_url.url", "a web address"),
        ({"messages": _user(_image("data:image/png,AAAA"))}, "messages[0].content[0].image_url.url", "base64"),
        ({"messages": _user(_image("data:image/png;base64,"))}, "messages[0].content[0].image_url.url", "no data"),
        (
            {"messages": _user(_image("data:image/png;base64,AA%2BA"))},
            "messages[0].content[0].image_url.url",
            "no base64",
        ),
        (
            {"messages": _user(_image("data:image/png;base64,AA=A"))},
            "messages[0].content[0].image_url.url",
            "no base64",
        ),
        (
            {"messages": _user(_image("data:image/png;base64,AAAAA"))},
            "messages[0].content[0].image_url.url",
            "no base64",
        ),
        (
            {"messages": _user({"type": "input_audio", "input_audio": {"format": "wav", "data": "é"}})},
            "messages[0].content[0].input_audio.data",
            "no base64",
        ),
        ({"messages": _user(_image("gs://bucket/a"))}, "messages[0].content[0].image_url.url", "ending"),
        (
            {"messages": _user({"type": "file", "file": {"file_id": "file-1"}})},
            "messages[0].content[0].file.file_id",
            "gs:",
        ),
        ({"messages": _user({"type": "video"})}, "messages[0].content[0].type", "input_audio"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages", "beside system messages"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role", "assistant, tool"),
        ({"messages": [{"role": "tool", "tool_call_id": "z", "content": "x"}]}, "messages[0].tool_call_id", "no call"),
        (
            {"messages": [*HELLO, {"role": "assistant", "tool_calls": [_call("a", "f", "[1]")]}]},
            "messages[1].tool_calls[0].function.arguments",
            "expected an object",
        ),
        (
            {"messages": [*HELLO, {"role": "assistant", "tool_calls": [_call("a", "f", '{"a b": 1}')]}]},
            "messages[1].tool_calls[0].function.arguments",
            "letters, digits and _",
        ),
        (
            {"messages": [*HELLO, {"role": "assistant", "tool_calls": [_call("a", "f", '{"a": 1, "A": 1}')]}]},
            "messages[1].tool_calls[0].function.arguments",
            "differ in case only",
        ),
        (
            {"messages": [*HELLO, {"role": "assistant", "tool_calls": [_call("a", "f", "{}"), _call("a", "g", "{}")]}]},
            "messages[1].tool_calls",
            "two calls of one id",
        ),
        (
            {"messages": [*HELLO, {"role": "assistant", "function_call": {"name": "f"}}]},
            "messages[1].function_call",
            "tool_calls",
        ),
        ({"messages": [{**HELLO[0], "name": "Ada"}]}, "messages[0].name", "in the text who speaks"),
        ({"messages": [*HELLO, {"role": "user", "contents": "x"}]}, "messages[1].contents", 'did you mean "content"'),
        ({"messages": [*HELLO, {"role": "user"}]}, "messages[1].content", "is missing"),
        ({"messages": [*HELLO, {"role": "system", "content": None}]}, "messages[1].content", "is missing"),
        (
            {"messages": [*HELLO, {"role": "assistant", "content": "x", "images": [{"type": "image_url"}]}]},
            "messages[1].images",
            "leave it out",
        ),
        ({"messages": [{**HELLO[0], "tool_calls": [_call("a", "f", "{}")]}]}, "messages[0].tool_calls", "leave it out"),
        (
            {"messages": [*HELLO, {"role": "assistant", "tool_calls": [{**_call("a", "f", "{}"), "argument": 1}]}]},
            "messages[1].tool_calls[0].argument",
            "leave it out",
        ),
        (
            {"messages": _user({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}})},
            "messages[0].content[0].cache_control",
            "leave it out",
        ),
        (
            {"messages": _user(_image("gs://bucket/a.png", format="image/webp"))},
            "messages[0].content[0].image_url.format",
            "leave it out",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameter": {"type": "object"}}}]},
            "tools[0].function.parameter",
            'did you mean "parameters"',
        ),
        ({"response_format": {"type": "json_object", "schema": {}, "x": 1}}, "response_format.x", "leave it out"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schemas": {"type": "object"}}}},
            "response_format.json_schema.schemas",
            'did you mean "schema"',
        ),
        ({"messages": "hi"}, "messages", "an array"),
        ({"messages": ["hi"]}, "messages[0]", "an object"),
        ({"temperature": "1"}, "temperature", "a number"),
        ({"temperature": True}, "temperature", "a number"),
        ({"seed": 2**31}, "seed", "2147483647"),
        ({"n": 0}, "n", "1 to"),
        ({"max_tokens": 1.5}, "max_tokens", "an integer"),
        ({"stop": list("abcdef")}, "stop", "takes 5"),
        ({"logit_bias": {"1": 5}}, "logit_bias", "leave it out"),
        ({"logprobs": 1}, "logprobs", "a boolean"),
        ({"top_logprobs": 5}, "top_logprobs", "logprobs: true"),
        ({"top_logprobs": 0, "logprobs": False}, "top_logprobs", "logprobs: true"),
        ({"verbosity": "low"}, "verbosity", "leave it out"),
        ({"service_tier": "flex"}, "service_tier", "leave it out"),
        ({"modalities": ["text", "audio"]}, "modalities", "leave it out"),
        ({"web_search_options": {}}, "web_search_options", "leave it out."),
        ({"functions": [{"name": "f"}]}, "functions", "write them as tools"),
        ({"function_call": "auto"}, "function_call", "write it as tool_choice"),
        ({"temperatur": 1}, "temperatur", 'did you mean "temperature"'),
        ({"reasoning_effort": "xhigh"}, "reasoning_effort", "minimal, low, medium, high"),
        ({"reasoning_effort": "none", "model": "gemini-2.5-pro"}, "reasoning_effort", "minimal, low, medium, high"),
        ({"reasoning_effort": "low", "model": "gemini-2.0-flash"}, "reasoning_effort", "does not think"),
        ({"response_format": {"type": "grammar"}}, "response_format.type", "json_schema"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "function"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
            "tools[0].function.parameters.type",
            "are an object",
        ),
        ({"tools": [{"type": "function", "function": {"name": "1f"}}]}, "tools[0].function.name", "after a letter"),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}], "parallel_tool_calls": False},
            "parallel_tool_calls",
            "leave it out",
        ),
        ({"tool_choice": "any"}, "tool_choice", "required"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_its_line(body: Any, param: str, said: str) -> None:
    """
    The sentence says what is at fault, and what would do.
    """
    error = refusal_of(**body)
    assert (error.line, error.param) == (2, f"body.{param}")
    assert said in error.message
    assert error.code in {"unsupported", "invalid_type"}


def test_what_an_answer_says_beside_its_content_may_stand_in_the_next_conversation() -> None:
    """
    As far as it says nothing, or is what no model is given back.
    """
    said: dict[str, Any] = {
        "role": "assistant",
        "content": "x",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "images": [],
    }
    told = request_of(messages=[*HELLO, {**said, "reasoning_content": "hm"}])
    assert told["contents"] == [_TURN, {"role": "model", "parts": [{"text": "x"}]}]


def test_arguments_of_another_type_than_before_are_refused() -> None:
    """
    They cannot be given as text, and would end the whole job.
    """
    bodies = [
        {
            "model": "gemini-2.5-flash",
            "messages": [*HELLO, {"role": "assistant", "tool_calls": [_call("a", "f", arguments)]}],
        }
        for arguments in ('{"day": 1}', '{"day": 2.5}', '{"day": "monday"}', '{"Day": [1]}')
    ]
    errors = errors_of(content_of(bodies))
    assert [(error.line, error.code) for error in errors] == [(3, "unsupported"), (4, "unsupported")]
    assert 'has a string as "day", which is a number elsewhere' in errors[0].message


@pytest.mark.parametrize("given", ["some text", ["some text"]])
def test_the_input_of_an_embedding_is_content(given: Any) -> None:
    """
    A text, or a list of one.
    """
    url = "/v1/embeddings"
    request = request_of(url, model="gemini-embedding-001", input=given, dimensions=768, encoding_format="float")
    assert request == {
        "content": {"parts": [{"text": "some text"}]},
        "embed_content_config": {"output_dimensionality": 768},
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"input": ["a", "b"]}, "a line for each"),
        ({"input": [1, 2, 3]}, "a line for each"),
        ({"input": [1]}, "a string"),
        ({"input": [""]}, "empty"),
        ({"encoding_format": "base64"}, "float"),
        ({"dimensions": 0}, "1 to"),
        ({"truncate": True}, "no counterpart"),
    ],
)
def test_other_embeddings_are_refused(body: Any, said: str) -> None:
    """
    Vertex AI embeds one text a line, and gives numbers.
    """
    error = refusal_of("/v1/embeddings", model="gemini-embedding-001", **body)
    assert error.line == 2
    assert said in error.message


@pytest.mark.parametrize(
    ("model", "url", "said"),
    [
        ("gpt-4o-mini", CHAT, "no model of Vertex AI"),
        ("text-embedding-3-small", "/v1/embeddings", "no model of Vertex AI"),
        ("text-embedding-005", "/v1/embeddings", "take a gemini-embedding model"),
        ("gemma-3", CHAT, "no model of Vertex AI"),
        ("google/gemma-3", CHAT, "take a gemini model"),
        ("gemini-2.5-flash", "/v1/completions", "none for /v1/completions; write them with messages"),
        ("gemini-2.5-flash", "/v1/responses", "none for /v1/responses"),
        ("gemini-2.5-flash", "/v1/embeddings", "none for /v1/embeddings"),
        ("gemini-embedding-001", CHAT, "for /v1/embeddings"),
        ("publishers/../models/x", CHAT, "no model of Vertex AI"),
        ("projects/p/locations/l/models/1/x", CHAT, "no model of Vertex AI"),
        ("claude-sonnet-4-5", "/v1/responses", "none for /v1/responses"),
        ("", "/v1/moderations", "no batch lines for /v1/moderations"),
    ],
)
def test_models_and_endpoints_that_do_not_go_together_are_refused(model: str, url: str, said: str) -> None:
    """
    Once for the file, at its first line.
    """
    body = {"model": model, "messages": HELLO, "input": "x", "prompt": "x"}
    (error,) = errors_of(content_of([body, body], url))
    assert (error.line, error.code) == (1, "unsupported")
    assert said in error.message


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("meta/llama-3.3-70b-instruct-maas", "publishers/meta/models/llama-3.3-70b-instruct-maas"),
        ("gpt-oss-120b-maas", "publishers/openai/models/gpt-oss-120b-maas"),
        ("publishers/qwen/models/qwen3-coder", "publishers/qwen/models/qwen3-coder"),
        ("vertex_ai/deepseek-ai/deepseek-r1-0528-maas", "publishers/deepseek-ai/models/deepseek-r1-0528-maas"),
    ],
)
def test_open_models_get_openai_s_lines_as_they_are(model: str, path: str) -> None:
    """
    Byte for byte, whatever is in them.
    """
    content = content_of([{"model": model, "messages": HELLO, "top_k": 3}])
    result = staged(content)
    assert (result.model, result.shape) == (path, "openai")
    assert result.requests.read_bytes() == content
    result.discard()


def test_a_tuned_model_is_named_by_its_path() -> None:
    """
    Its lines are Gemini's.
    """
    body = {"model": "projects/p/locations/us-central1/models/123@1", "messages": HELLO}
    assert lines_of(content_of([body])) == [{"key": "r-1", "request": {"contents": [_TURN]}}]
