"""
Messages of the library as the command line says them: parameters are options, and calls are commands.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = {
    "api_key": "--api-key",
    "at_a_time": "--workers",
    "base_url": "--base-url",
    "expires_after": "--expires-after",
    "follow_links": "--follow-links",
    "input_file": "--input",
    "max_cost": "--max-cost",
    "max_queue_wait": "--max-queue-wait",
    "max_retries": "--max-retries",
    "max_wait": "--max-wait",
    "older_than": "--older-than",
    "output_expires_after": "--output-expires-after",
    "poll_interval": "--poll-interval",
    "skip_identical": "--skip-identical",
}
_VERBS: Final = "create|list|retrieve|delete|content|usage|prune|cancel|wait|results|cost|resubmit"
_PHRASES: Final = (
    (r',? or compare the low end, with max_cost_of="low"|\.? Or compare the low end, with max_cost_of="low"\.', ""),
    (r" or as OpenAIClient\(prices=…\)", ""),
    (r'\bprovider="(\w+)"', r"--provider \1"),
    (r"\bagain=True\b", "--again"),
    (r"\breplace=True\b", "--force"),
    (r"\brecursive=False\b", "--no-recursive"),
    (r"\bunused=True\b", "--unused"),
    (r"\bvalidate=False\b", "--no-validate"),
    (r"\b(pass|raise|lower|leave out) (timeout|filename|intent|metadata|bandwidth|concurrency|rate)\b", r"\1 --\2"),
    (r"^(timeout|filename|bandwidth|concurrency|rate|prompt|encoding|delimiter) (must|is for|names)\b", r"--\1 \2"),
    (r"\b(prompt|system|model|body|encoding|delimiter)(?=(?: and \w+)* must come with prompt\b)", r"--\1"),
    (r"\b(give|must come with) (?:the )?(prompt|encoding)\b", r"\1 --\2"),
    (r"\bpass a filename\b", "pass a --filename"),
    (r"(?<![\w./-])(?:client\.)?batches\.run\b(?:\(\))?(?![\w./(-]\w)", "aikit batch run"),
    (rf"(?<![\w./-])(?:client\.)?(files|batches)\.({_VERBS})\b(?:\(\))?(?![\w./(-]\w)", r"aikit \1 \2"),
)
_PARAMETERS: Final = rf"(?<![\w\"'`./\[-])({'|'.join(_NAMES)})(?:=True)?(?![\w\"'`=\[]|\.\w)"


def with_options(text: str) -> str:
    """
    Return *text*, which the library wrote, with the options of the command line in place of parameters and calls.
    """
    for pattern, spoken in _PHRASES:
        text = re.sub(pattern, spoken, text)
    return re.sub(_PARAMETERS, lambda found: _NAMES[found[1]], text)
