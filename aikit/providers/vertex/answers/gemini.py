"""
Answers of generateContent as chat completions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aikit.providers.vertex.answers.messages import Message
from aikit.providers.vertex.answers.misfits import MisfitError, arguments_in, list_in, object_in, text_in
from aikit.types.usage_names import in_openai_names
from aikit.types.wire import unix_time, whole_number

# https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/GenerateContentResponse (read 2026-11-30)
_ENDS: Final = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"), "content_filter"
    ),
}
_PLAIN_ENDS: Final = frozenset((None, "STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"))
_NOT_BLOCKED: Final = frozenset((None, "", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"))
_KEPT: Final = {
    "finishMessage": "finish_message",
    "safetyRatings": "safety_ratings",
    "citationMetadata": "citation_metadata",
    "groundingMetadata": "grounding_metadata",
    "urlContextMetadata": "url_context_metadata",
}
"""What OpenAI has no name for: member of a candidate → member of its choice."""

_COUNTS: Final = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
)


_WHOLE: Final = {int}


def chat_completion(response: Mapping[str, Any], row: Mapping[str, Any], name: str, model: str) -> dict[str, Any]:
    """
    Return the chat completion that *response* is.

    Args:
        response: Of generateContent.

        row: Where it stands in, which tells when it was made.

        name: For an answer without an id of its own; calls of tools have ids made of it.

        model: Of the batch, for an answer that does not name its own.

    Raises:
        MisfitError: It is none: it has neither candidates nor a reason why the prompt was blocked, or odd parts.
    """
    name = text_in(response, "responseId") or name
    choices = [_choice(candidate, index, name) for index, candidate in enumerate(list_in(response, "candidates"))]
    return {
        "id": name,
        "object": "chat.completion",
        "created": unix_time(row.get("processed_time") or response.get("createTime")) or 0,
        "model": text_in(response, "modelVersion") or model,
        "choices": choices or [_blocked(object_in(response, "promptFeedback"))],
        "usage": usage_of(response.get("usageMetadata")),
    }


def usage_of(told: Any) -> dict[str, Any] | None:
    """
    Return ``usageMetadata`` in OpenAI's names: what was thought is output, what was cached is in the prompt.
    """
    if not isinstance(told, dict):
        return None
    prompt, tools, said, thought, cached = counts = [told.get(name) or 0 for name in _COUNTS]
    if {*map(type, counts)} != _WHOLE:
        return dict(in_openai_names(told))  # whose reader tells what cannot be read
    asked, answered = prompt + tools, said + thought
    total = told.get("totalTokenCount")
    if total is None and not asked + answered:
        return None
    if not asked or (total is None and not answered):
        return dict(in_openai_names(told))  # likewise, and what is not told is no zero
    of_prompt: dict[str, Any] = {"cached_tokens": cached}
    of_answer: dict[str, Any] = {"reasoning_tokens": thought}
    for name, details in (("promptTokensDetails", of_prompt), ("candidatesTokensDetails", of_answer)):
        add_kinds(details, told.get(name))
    if tools:
        add_kinds(of_prompt, told.get("toolUsePromptTokensDetails"))
    if cached and told.get("cacheTokensDetails"):
        add_kinds(of_prompt.setdefault("cached_tokens_details", {}), told["cacheTokensDetails"])
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered if total is None else total,
        "prompt_tokens_details": of_prompt,
        "completion_tokens_details": of_answer,
    }


def add_kinds(details: dict[str, Any], entries: Any) -> None:
    """
    Add to *details* how many tokens are no text.
    """
    for entry in entries if type(entries) is list else ():
        kind = entry.get("modality") if isinstance(entry, dict) else None
        if kind != "TEXT" and isinstance(kind, str) and (count := whole_number(entry.get("tokenCount"))):
            details[f"{kind.lower()}_tokens"] = details.get(f"{kind.lower()}_tokens", 0) + count


def _blocked(feedback: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the choice of a prompt that was not answered at all.
    """
    reason = text_in(feedback, "blockReason")
    if reason in _NOT_BLOCKED:
        raise MisfitError("it has no candidates, and no reason why the prompt was blocked")
    message = {"role": "assistant", "content": "", "refusal": text_in(feedback, "blockReasonMessage")}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "content_filter"}
    ratings = {"safety_ratings": feedback["safetyRatings"]} if feedback.get("safetyRatings") else {}
    return {**choice, "native_finish_reason": reason, **ratings}


def _choice(candidate: Any, index: int, name: str) -> dict[str, Any]:
    if not isinstance(candidate, dict):
        raise MisfitError("a candidate is no object")
    message = _message(list_in(object_in(candidate, "content"), "parts"), f"{name}_{index}" if index else name)
    told = text_in(candidate, "finishReason")
    choice = {
        "index": index,
        "message": message,
        "logprobs": _logprobs(object_in(candidate, "logprobsResult")) if "logprobsResult" in candidate else None,
        "finish_reason": _end(told, has_calls="tool_calls" in message),
    }
    if told not in _PLAIN_ENDS:
        choice["native_finish_reason"] = told
    if not _KEPT.keys().isdisjoint(candidate):
        choice |= {ours: candidate[native] for native, ours in _KEPT.items() if candidate.get(native)}
    return choice


def _end(told: str | None, *, has_calls: bool) -> str:
    if told is not None and told.startswith("IMAGE_"):
        return "content_filter"
    return _ENDS.get(told or "", "tool_calls" if has_calls and told in _PLAIN_ENDS else "stop")


def _message(parts: list[Any], name: str) -> dict[str, Any]:
    """
    Return what was said, called, drawn and thought; parts of kinds that are not known are kept as they are.
    """
    message = Message()
    for part in parts:
        if not isinstance(part, dict):
            raise MisfitError("a part of its content is no object")
        text = text_in(part, "text")
        if text is not None:
            (message.thought if part.get("thought") is True else message.said).append(text)
        elif part.get("functionCall") is not None:
            call = _call(object_in(part, "functionCall"), part, f"call_{name}_{len(message.calls)}")
            message.calls.append(call)
        elif part.get("thought") is not True and (
            part.get("inlineData") is not None or part.get("fileData") is not None
        ):
            _add_media(message.others, part, name)
        elif (code := _code(part)) is not None:
            message.said.append(code)
        elif any(value is not None for key, value in part.items() if key not in {"thought", "thoughtSignature"}):
            message.others.setdefault("native_parts", []).append(part)
    return message.to_wire()


def _call(call: Mapping[str, Any], part: Mapping[str, Any], name: str) -> dict[str, Any]:
    function = text_in(call, "name")
    if not function:
        raise MisfitError("a call of a function has no name")
    arguments = arguments_in(call, "args")
    made = {
        "id": text_in(call, "id") or name,
        "type": "function",
        "function": {"name": function, "arguments": arguments},
    }
    signature = text_in(part, "thoughtSignature")
    # https://ai.google.dev/gemini-api/docs/thought-signatures (read 2026-11-30)
    return made if signature is None else {**made, "extra_content": {"google": {"thought_signature": signature}}}


def _add_media(others: dict[str, Any], part: Mapping[str, Any], name: str) -> None:
    """
    Add an image, or what else is no text, as others do it who speak OpenAI's format; speech goes where OpenAI has it.
    """
    data, file = object_in(part, "inlineData"), object_in(part, "fileData")
    kind, content = text_in(data, "mimeType") or "application/octet-stream", text_in(data, "data")
    if content is not None and kind.startswith("audio/") and "audio" not in others:
        others["audio"] = {"id": f"audio_{name}", "data": content, "expires_at": 0, "transcript": ""}
        return
    url = text_in(file, "fileUri") if content is None else f"data:{kind};base64,{content}"
    if url is None:
        raise MisfitError("a part with media has neither data nor an address")
    others.setdefault("images", []).append({"type": "image_url", "image_url": {"url": url}})


def _code(part: Mapping[str, Any]) -> str | None:
    """
    Return the text of code that the model ran, or of what that gave.
    """
    code, result = object_in(part, "executableCode"), object_in(part, "codeExecutionResult")
    if code:
        return f"\n```{(text_in(code, 'language') or '').lower()}\n{text_in(code, 'code') or ''}\n```\n"
    return f"\n```\n{text_in(result, 'output') or ''}\n```\n" if result else None


def _logprobs(result: Mapping[str, Any]) -> dict[str, Any] | None:
    chosen, top = list_in(result, "chosenCandidates"), list_in(result, "topCandidates")
    if not chosen:
        return None
    others = [list_in(step, "candidates") if isinstance(step, dict) else [] for step in top]
    others += [[]] * (len(chosen) - len(others))
    content = [
        {**_token(token), "top_logprobs": list(map(_token, some))} for token, some in zip(chosen, others, strict=False)
    ]
    return {"content": content, "refusal": None}


def _token(told: Any) -> dict[str, Any]:
    token = text_in(told, "token") or "" if isinstance(told, dict) else None
    logprob = told.get("logProbability") or 0.0 if isinstance(told, dict) else None
    if token is None or type(logprob) not in {float, int}:
        raise MisfitError("a token has no probability")
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "surrogatepass"))}
