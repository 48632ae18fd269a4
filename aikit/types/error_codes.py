"""
Every code that an error made by aikit can have: who raises it, what it means, and what to do.

Codes are stable: programs compare them. A provider's own codes, of answers with an HTTP status, come through as they
are; those of the embedded provider are OpenAI's, and stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

CHECK: Final = "before sending"
HERE: Final = "here"
PROVIDER: Final = "embedded provider"
GATEWAY: Final = "gateway"


@attrs.frozen
class ErrorCode:
    """
    What one code means.

    Attributes:
        raised_by: ``"before sending"``: nothing of this was sent; ``"here"``: by aikit while it works on a call;
            ``"embedded provider"``: in its answers, and in those of OpenAI; ``"gateway"``: in its answers only.

        text: One sentence: what is wrong, and what to do.
    """

    raised_by: str
    text: str


_CHECK: Final = {
    "bom": "The file begins with a byte order mark; save it as UTF-8 without a BOM.",
    "duplicate_custom_id": "Two lines have the same custom_id; give each its own (in results: no answer is claimed).",
    "empty_file": "The content has no bytes or no line; give it some.",
    "empty_folder": "The folder has no file to upload; check the path and the pattern.",
    "empty_part": "The part of an upload has no bytes; leave it out.",
    "example_missing_assistant_message": "A fine-tuning example has no answer; end it with an assistant message.",
    "file_exists": "Something of that name is there already; pass replace=True, or another path or folder.",
    "file_not_found": "There is no such file; check the path.",
    "file_too_large": "The file is larger than the provider takes for this purpose; split it.",
    "image_in_assistant_message": "An assistant message has an image; images go into user messages.",
    "invalid_csv": "The file cannot be read as rows of cells; mend the row that the message names.",
    "invalid_encoding": "The file is not UTF-8; save it as UTF-8.",
    "invalid_extension": "The provider does not take this extension for the purpose; pass a filename that fits.",
    "invalid_file": "An entry of many files cannot be uploaded; see the message for what it is.",
    "invalid_filename": "The name is empty, too long or has characters that cannot be sent; pass another filename.",
    "invalid_id": "The argument cannot be an id; copy it from a list.",
    "invalid_image_url": "An image is neither an https address nor a data URL; give one of these.",
    "invalid_json_line": "A line is not a JSON object; mend the line that the error names.",
    "invalid_path": "An entry of many files is no path; give paths as str.",
    "invalid_purpose": "The provider does not know this purpose; take one that the message lists.",
    "invalid_request": "A line or the input of a batch asks for what a batch cannot do; see the message.",
    "invalid_type": "A parameter has another JSON type than it must have; the message names both.",
    "invalid_url": "An address is none, or a line asks another endpoint than its batch; correct it.",
    "invalid_value": "A parameter has a value that is not allowed; the message lists what is.",
    "is_a_directory": "The path is a folder; give a file, or the folder to create_many.",
    "line_too_long": "A line has more bytes than are read; make it shorter.",
    "manifest_in_use": "Another process uses this manifest; wait until it has ended, or take another manifest.",
    "max_cost_exceeded": "The batch may cost more than max_cost; raise max_cost or send less.",
    "message_missing_key": "A message lacks a key such as role; add it.",
    "mismatched_model": "The lines ask several models and a batch takes one; split the file.",
    "missing_content": "A message has no content; add it.",
    "missing_endpoint": "The first line names no endpoint; pass --endpoint.",
    "missing_messages_list": "A line has no list of messages; add it.",
    "missing_required_parameter": "A required parameter is not there; add it.",
    "mixed_formats": "Lines of several fine-tuning formats are in one file; use one format.",
    "not_confirmed": "The run was not confirmed, or confirm failed; nothing was sent.",
    "not_a_regular_file": "The path is a device, a pipe or the like; give a file, or open it and pass the stream.",
    "not_jsonl": "The file is compressed, an array or another format; write one JSON object on each line.",
    "nothing_to_resubmit": "The batch has no line of the statuses that were asked for; nothing is to be done.",
    "part_too_large": "The part of an upload is larger than 64 MiB; send it as several.",
    "streaming_unsupported": "A line asks for streaming, which batches do not have; remove stream.",
    "too_many_errors": "More problems were found than are listed; mend those and check again.",
    "too_many_images": "A line has more images than are allowed; leave some out.",
    "too_many_inputs": "The lines have more embedding inputs than one batch takes; split the file.",
    "too_many_metadata": "Metadata has no room for aikit's own pairs; give fewer.",
    "too_many_parts": "Splitting would make too many parts; raise the bounds, or look at url and model of the lines.",
    "too_many_tasks": "The file has more lines than one batch takes; split it.",
    "too_many_tokens": "One line alone has more tokens than a part may have; raise the bound or shorten it.",
    "unexpected_format": "A line is of no known fine-tuning format; see the message for those.",
    "unknown_cost": "What the batch will cost is not known; give a price and bound the answers.",
    "unreadable_file": "The file cannot be read; check its permissions, or whether it changed.",
    "unreadable_folder": "The folder cannot be read; check its permissions.",
    "unreadable_lines": "The caller's lines raised an error while they were read; see the message.",
    "unreadable_paths": "The caller's paths raised an error while they were read; see the message.",
    "unknown_column": "The prompt names a column that the table has not, or several times; see the message.",
    "unrecognized_role": "A message has an unknown role; take one that the message lists.",
    "unusable_manifest": "The manifest cannot be read or written; check the path, or take another.",
    "unusable_prices": "The user's prices cannot be read; mend what the message names.",
}

_HERE: Final = {
    "answer_lost": "The file may exist, but the answer with its id was lost; look in files.list before sending again.",
    "batch_cancelled": "The batch was cancelled; create another for what it left undone, with batches.resubmit.",
    "batch_expired": "The batch was not done within its window; create another with batches.resubmit.",
    "batch_failed": "The provider refused the whole batch; the errors that follow say which lines are at fault.",
    "batch_not_ended": "The batch is still worked on; use batches.wait, or come back later.",
    "cancelled": "The caller asked to stop.",
    "checksum_mismatch": "The content has another checksum than was announced or sent; send it again.",
    "connection_error": "The connection could not be made or broke; check the address and the network, and try again.",
    "created_twice": "Two batches were created for one intent at once; cancel the one that the message names.",
    "creation_unknown": "Whether the batch was created cannot be told; look in batches.list, as the message says.",
    "deadline_exceeded": "The call had all the time of its deadline; call again, with a longer one.",
    "demo_failed": "A step of the demo did not come out as it must; report it.",
    "dependency_too_old": "An installed package is too old for aikit; upgrade it as the message says.",
    "file_changed": "The file was changed while it was read, or since its lines were; see the message, or call again.",
    "file_gone": "The provider does not have the file any more; pass input_file, or do without.",
    "in_use": "A batch that was made meanwhile names the file, so it was not deleted; look at it again later.",
    "input_changed": "The input of a run was changed meanwhile; put back what it was, and call again.",
    "invalid_response": "The answer is not what the API promises; check that the base URL is right.",
    "keyring_unavailable": "The keyring of the system cannot be used; install the extra, or set a variable instead.",
    "lineage_broken": "A batch that this one descends from is gone; take the results of each by itself.",
    "missing": "Neither file of the batch has an answer to this line; send it again with batches.resubmit.",
    "mismatched_id": "The answer is about another object than was asked for; look at yours before asking again.",
    "missing_custom_id": "A line of a batch's files has no custom_id, so nothing can be joined with it.",
    "not_deleted": "The provider answered that the file was not deleted; try again.",
    "output_missing": "The batch has answers and the provider names no file with them yet; ask again later.",
    "processing_failed": "The provider could not process the file; see the message and upload a better one.",
    "proxy_error": "The proxy of the environment cannot be used or failed; correct the variable that is named.",
    "range_not_satisfiable": "The range lies outside of the file; ask for less.",
    "redirect_refused": "The server redirects to where requests must not follow; correct the base URL.",
    "run_damaged": "What was kept of the run cannot be used; see the message for how to go on.",
    "run_in_progress": "Another process works on this run; let it end, or stop it first.",
    "size_mismatch": "Fewer or more bytes arrived than were announced or sent; see the message, and try again.",
    "temporary_storage": "The temporary folder cannot be used; free space, or set TMPDIR.",
    "timeout": "It took longer than timeout or max_wait; raise it, or try again.",
    "tls_error": "TLS did not come about: an untrusted certificate, an unusable CA bundle, or a server without TLS.",
    "token_limit_exceeded": "Too many tokens are enqueued, nothing began; create it later, or with max_queue_wait.",
    "token_unavailable": "No bearer token could be had; sign in anew, or pass another token or key.",
    "unsupported": "The provider cannot do this, as the message says; nothing was sent.",
    "unexpected_error": "aikit met an error that it does not know; its cause is in __cause__, please report it.",
    "unknown_custom_id": "A line of a batch's files has a custom_id that its input has not; it is ignored.",
    "unwritable_file": "The file cannot be written; check the folder, its permissions and the space.",
    "upload_not_pending": "The upload is completed, cancelled or expired; create another.",
    "insufficient_storage": "The disk is full; free some space.",
    "storage_busy": "Another program has held the store for long; try again when it has ended.",
    "storage_damaged": "A file in the home is damaged; move away what the message names.",
    "storage_too_new": "A newer aikit wrote the store; use that one, or another AIKIT_HOME.",
    "storage_unavailable": "The home or the temporary folder cannot be used; check AIKIT_HOME, or set TMPDIR.",
}

_PROVIDER: Final = {
    "access_denied": "The upstream server refuses whatever is asked; correct the key, the account or base_url.",
    "answer_too_large": "The upstream server's answer is larger than is kept; ask for less.",
    "array_above_max_length": "An array is longer than allowed; shorten it.",
    "decimal_above_max_value": "A number is above its maximum; the message names it.",
    "decimal_below_min_value": "A number is below its minimum; the message names it.",
    "empty_array": "An array must not be empty; fill it.",
    "empty_string": "A string must not be empty; fill it.",
    "integer_above_max_value": "A whole number is above its maximum; the message names it.",
    "integer_below_min_value": "A whole number is below its minimum; the message names it.",
    "method_not_supported": "The address takes other HTTP methods only; correct the method.",
    "no_answer": "The request of a batch got no answer; send it again.",
    "object_above_max_properties": "Metadata has more than 16 pairs; give fewer.",
    "property_name_above_max_length": "A key of metadata has more than 64 characters; shorten it.",
    "request_timeout": "The request of a batch was not answered in time; send it again.",
    "server_error": "The embedded provider failed at a line; its message says at what.",
    "string_above_max_length": "A string is longer than allowed; shorten it.",
    "unknown_parameter": "The API has no such parameter; remove it.",
    "unknown_url": "The API has no such address; correct the base URL.",
    "unsupported_endpoint": "The built-in model does not answer this endpoint; name an upstream server.",
    "unsupported_parameter": "The built-in model cannot do this; leave the parameter out.",
}

_GATEWAY: Final = {
    "budget_exceeded": "A batch may cost more than the key has left of its budget; send less, or have that raised.",
    "creation_pending": "The creation with this Idempotency-Key is not over; ask again in some seconds.",
    "expired_key": "The key is past its expiry; ask for another.",
    "gateway_stopped": "The gateway was stopped before the request's end; look whether it was done, and try again.",
    "invalid_api_key": "There is no key in the request, or an unknown one; send it as Authorization: Bearer KEY.",
    "invalid_json": "The body of the request is not the JSON that it must be; see the message.",
    "invalid_multipart": "The body of the request is no whole multipart/form-data; see the message.",
    "key_blocked": "The key is blocked; ask the people who run the gateway.",
    "key_model_access_denied": "The key may not use this model; name one of GET /v1/models.",
    "key_provider_access_denied": "The key may not use this provider; name one that the message lists.",
    "key_purpose_access_denied": "The key may not upload for this purpose; take one that the message lists.",
    "master_key_missing": "A gateway without a master key takes requests of this machine only; set one.",
    "model_not_found": "The gateway has no model of this name; name one of GET /v1/models.",
    "rate_limit_exceeded": "The key of a gateway made too many requests; wait as retry-after says, or send less.",
    "request_too_large": "The body of the request is larger than it takes; send less at once.",
    "unknown_provider": "The gateway has no account of this name; name one that the message lists.",
}

ERROR_CODES: Final[Mapping[str, ErrorCode]] = {
    code: ErrorCode(raised_by, lines[code])
    for raised_by, lines in ((CHECK, _CHECK), (HERE, _HERE), (PROVIDER, _PROVIDER), (GATEWAY, _GATEWAY))
    for code in sorted(lines)
}
"""Code → what it means; first those of checks before sending, then aikit's own, then the provider's."""
