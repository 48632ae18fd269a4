"""
What the built-in model answers with words: chat completions, completions and responses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aikit.providers.local.api.refusals import Refusal, wrong_type
from aikit.providers.local.model.request import Body, require_filled
from aikit.providers.local.model.text import Reply, json_reply, reply, schema_reply, tokens_of
from aikit.types.usage import Usage

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_INPUT_ROLES: Final = ("user", "assistant", "system", "developer")
_FORMATS: Final = ("text", "json_object", "json_schema")
_TEXT_PARTS: Final = frozenset(("text", "input_text", "output_text", "refusal"))
_MESSAGE_TOKENS: Final = 4
_PRIMING_TOKENS: Final = 3
_COMPLETION_TOKENS: Final = 16
"""What a completion may take unless the request says otherwise."""


def chat(body: Body) -> dict[str, Any]:
    """
    Answer a request to ``/v1/chat/completions``.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/chat (read 2026-11-22)
    model = _model(body)
    messages = _messages(body.required("messages", list), "messages", _ROLES)
    _sampling(body)
    asked = body.whole("max_completion_tokens", 1)
    asked = body.whole("max_tokens", 1) if asked is None else asked
    form = body.inner("response_format")
    schema = Body(form.get("json_schema", dict) or {}, "response_format.json_schema.")
    said = reply(_formatted(form, schema, messages, "response_format"), asked, _stop(body))
    count = body.whole("n", 1, 128) or 1
    usage = Usage(input_tokens=_prompt_tokens(messages), output_tokens=said.tokens * count)
    return {
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [_chat_choice(index, said) for index in range(count)],
        "usage": _chat_usage(usage),
        "service_tier": "default",
        "system_fingerprint": "fp_aikit",
    }


def completions(body: Body) -> dict[str, Any]:
    """
    Answer a request to ``/v1/completions``.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/completions (read 2026-11-22)
    model = _model(body)
    prompts = texts(body.required("prompt", str, list), "prompt")
    _sampling(body)
    asked = body.whole("max_tokens", 0)
    limit = _COMPLETION_TOKENS if asked is None else asked
    count, stop = body.whole("n", 1, 128) or 1, _stop(body)
    does_echo = body.get("echo", bool)
    choices: list[dict[str, Any]] = []
    spoken = 0
    for prompt in prompts:
        said = reply(prompt, limit, stop)
        spoken += said.tokens * count
        text = prompt + said.text if does_echo else said.text
        choices += [{"text": text, "logprobs": None, "finish_reason": _finish_reason(said)} for _ in range(count)]
    heard = sum(len(tokens_of(prompt)) for prompt in prompts)
    return {
        "object": "text_completion",
        "created": 0,
        "model": model,
        "choices": [{"index": index} | choice for index, choice in enumerate(choices)],
        "usage": _chat_usage(Usage(input_tokens=heard, output_tokens=spoken)),
        "system_fingerprint": "fp_aikit",
    }


def responses(body: Body) -> dict[str, Any]:
    """
    Answer a request to ``/v1/responses``.

    Raises:
        Refusal: OpenAI would not have it, or it goes on with something that only OpenAI keeps.
    """
    # https://developers.openai.com/api/reference/resources/responses (read 2026-11-22)
    _require_nothing_stored(body)
    model = _model(body)
    asked = body.required("input", str, list)
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    messages = _messages(_messages_among(asked), "input", _INPUT_ROLES)
    temperature, top_p = _sampling(body)
    form = body.inner("text").inner("format")
    limit = body.whole("max_output_tokens", 16)
    said = reply(_formatted(form, form, messages, "text.format"), limit)
    told = body.get("instructions", str)
    heard = _prompt_tokens(messages) + (len(tokens_of(told)) + _MESSAGE_TOKENS if told else 0)
    return {
        "object": "response",
        "created_at": 0,
        **_ending(said),
        "error": None,
        "instructions": told,
        "max_output_tokens": limit,
        "model": model,
        "output": [_output_message(said)],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": body.get("store", bool) is not False,
        "temperature": temperature,
        "text": {"format": form.fields or {"type": "text"}},
        "tool_choice": "auto",
        "tools": body.get("tools", list) or [],
        "top_p": top_p,
        "truncation": "disabled",
        "usage": Usage(input_tokens=heard, output_tokens=said.tokens).to_wire(),
        "user": body.get("user", str),
        "metadata": body.get("metadata", dict) or {},
    }


def texts(value: Any, param: str) -> list[str]:
    """
    Return the texts that a string, an array of strings, or arrays of token numbers stand for.

    Raises:
        Refusal: It is none of these, or empty.
    """
    require_filled(param, value)
    if isinstance(value, str):
        return [value]
    if all(type(entry) is int for entry in value):
        return [" ".join(map(str, value))]
    for index, entry in enumerate(value):
        is_fine = type(entry) is str or (type(entry) is list and all(type(token) is int for token in entry))
        if not is_fine:
            raise wrong_type(f"{param}[{index}]", "a string or an array of integers", entry)
        require_filled(f"{param}[{index}]", entry)
    return [entry if type(entry) is str else " ".join(map(str, entry)) for entry in value]


def _model(body: Body) -> str:
    model: str = body.required("model", str)
    require_filled("model", model)
    if body.get("stream", bool):
        raise Refusal("Streaming is not supported in the Batch API.", "stream", "streaming_unsupported")
    wanted = body.fields.get("tool_choice")
    if wanted is not None and wanted not in ("auto", "none"):
        raise Refusal(
            "The built-in model calls no tools; leave tool_choice out, or give the client the base_url of a server "
            "whose model does.",
            "tool_choice",
            "unsupported_parameter",
        )
    return model


def _sampling(body: Body) -> tuple[float, float]:
    """
    Return temperature and top_p, which change nothing here but must be possible.
    """
    body.number("presence_penalty", -2, 2)
    body.number("frequency_penalty", -2, 2)
    temperature, top_p = body.number("temperature", 0, 2), body.number("top_p", 0, 1)
    return 1.0 if temperature is None else temperature, 1.0 if top_p is None else top_p


def _require_nothing_stored(body: Body) -> None:
    for name in ("previous_response_id", "conversation", "prompt"):
        if body.fields.get(name):
            raise Refusal(
                f"The built-in model keeps no '{name}'; put everything into 'input'.", name, "unsupported_parameter"
            )


def _messages_among(items: list[Any]) -> list[Any]:
    """
    Return the messages among the items of a response's input; calls of tools and their outputs are none.
    """
    require_filled("input", items)
    return [item for item in items if not isinstance(item, dict) or item.get("type", "message") == "message"]


def _messages(messages: list[Any], param: str, roles: Sequence[str]) -> list[tuple[str, str]]:
    """
    Return the role and the text of each message.
    """
    require_filled(param, messages)
    found = []
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise wrong_type(f"{param}[{index}]", "an object", message)
        inner = Body(message, f"{param}[{index}].")
        inner.required("role", str)
        role = inner.choice("role", roles)
        content = inner.get("content", str, list)
        if content is None and role != "assistant":
            raise Refusal(
                f"Invalid value for 'content': expected a string, got null. ('{inner.place}content')",
                f"{inner.place}content",
            )
        found.append((str(role), _text_of(content, f"{inner.place}content")))
    return found


def _text_of(content: Any, param: str) -> str:
    if not isinstance(content, list):
        return content or ""
    pieces = []
    for index, part in enumerate(content):
        if type(part) is not dict:
            raise wrong_type(f"{param}[{index}]", "an object", part)
        inner = Body(part, f"{param}[{index}].")
        kind = inner.required("type", str)
        if kind in _TEXT_PARTS:
            pieces.append(inner.required("refusal" if kind == "refusal" else "text", str))
        else:
            pieces.append(f"[{kind}]")
    return " ".join(pieces)


def _formatted(form: Body, schema: Body, messages: list[tuple[str, str]], param: str) -> str:
    """
    Return what there is to say, in the form that was asked for.
    """
    text = next((text for role, text in reversed(messages) if role == "user"), messages[-1][1])
    kind = form.choice("type", _FORMATS) if form.fields else "text"
    if kind == "json_schema":
        schema.required("name", str)
        return schema_reply(schema.required("schema", dict), text)
    if kind != "json_object":
        return text
    if not any("json" in said.lower() for _, said in messages):
        place = "messages" if param == "response_format" else "input"
        raise Refusal(
            f"'{place}' must contain the word 'json' in some form, to use '{param}' of type 'json_object'.", place
        )
    return json_reply(text)


def _stop(body: Body) -> list[str]:
    stop = body.get("stop", str, list)
    words = [stop] if isinstance(stop, str) else stop or []
    for index, word in enumerate(words):
        if type(word) is not str:
            raise wrong_type(f"stop[{index}]", "a string", word)
    return words


def _finish_reason(said: Reply) -> str:
    return "length" if said.is_cut else "stop"


def _chat_choice(index: int, said: Reply) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", "content": said.text, "refusal": None, "annotations": []},
        "logprobs": None,
        "finish_reason": _finish_reason(said),
    }


def _ending(said: Reply) -> dict[str, Any]:
    if said.is_cut:
        return {"status": "incomplete", "completed_at": None, "incomplete_details": {"reason": "max_output_tokens"}}
    return {"status": "completed", "completed_at": 0, "incomplete_details": None}


def _output_message(said: Reply) -> dict[str, Any]:
    return {
        "id": "msg_",
        "type": "message",
        "status": "incomplete" if said.is_cut else "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}],
    }


def _prompt_tokens(messages: list[tuple[str, str]]) -> int:
    return _PRIMING_TOKENS + sum(_MESSAGE_TOKENS + len(tokens_of(text)) for _, text in messages)


def _chat_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
