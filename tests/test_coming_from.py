"""
The page for those who come from another library: what it says to write here is run, and what they wrote there parses.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

import aikit

_PAGE: Final = Path(aikit.__file__).parent / "docs" / "coming-from.md"
_CODE: Final = re.compile(r"`([^`]+)`")
_NAMES: Final = {"key": "sk-1", "url": "http://127.0.0.1:9/v1", "done": lambda _: None}


def _rows() -> Iterator[tuple[str, str, str]]:
    """
    Walk over library, left and right side of each row of the tables.
    """
    library = ""
    for line in _PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 2 and cells[1] == "aikit":
            library = cells[0]
        elif line.startswith("| "):
            assert len(cells) == 2, line
            yield library, cells[0], cells[1].removesuffix(" |")


_ROWS: Final = list(_rows())


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """
    Return what the page's own snippet makes, and the names that need no making.
    """
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = dict(_NAMES)
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", _PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    exec(compile(snippet, str(_PAGE), "exec"), found)  # noqa: S102  our own page
    return found | {"data": found["path"].read_bytes()}


_BATCH: Final = "value.id == batch_id and value.input_file_id == file_id"
_VALUES: Final[Mapping[str, str]] = {
    r"client = OpenAIClient\(\)": "value.provider.base_url == 'https://api.openai.com/v1'",
    r"client = OpenAIClient\(key\)": "value.provider.base_url == 'https://api.openai.com/v1'",
    r"client = .*max_retries=5\)": "value.provider.base_url == url and value.defaults.max_retries == 5",
    r"client = .*azure.*": "(value.provider.kind, value.provider.base_url) == ('azure', f'{url}/openai/v1')",
    r"client = .*local.*": "value.files.retrieve(file_id)",
    r"client = .*4000.*": "value.provider.base_url == 'http://host:4000/v1'",
    r"client = .*base_url=url.*": "value.provider.base_url == url",
    r"client\.files\.create\(path, \"(batch|user_data)\"\)\.unwrap\(\)": "value.filename == path.name",
    r"client\.files\.create\(\(\"(.*?)\", data.*": "value.filename == match[1] and value.bytes == len(data)",
    r"client\.files\.create\(path, \"batch\", expires_after.*": "value.expires_at - value.created_at == 3600",
    r"client\.files\.create\(path, .*\)\.unwrap\(\)\.id": "client.files.retrieve(value).file.filename == path.name",
    r"client\.files\.create\(path, \"batch\", OpenAIFileParameters\(\)\)": "value.file.filename == path.name",
    r"client\.files\.create\(path, .*extra_body.*": "[error.code for error in value.errors] == ['unknown_parameter']",
    r"\(await client\.files\.create.*": "value.filename == path.name",
    r"client\.files\.(retrieve|wait)\(file_id\)\.(unwrap\(\)|file)": "value.id == file_id",
    r"client\.files\.retrieve\(file_id\)\.unwrap\(\)\.to_dict\(\)": "value['id'] == file_id",
    r"\[file\.id for file in .*": "file_id in value",
    r"client\.files\.list\(.*\)\.has_more": "value is False",
    r"client\.files\.list\(\{.*\)\.files": "len(value) <= 10 and value[0].created_at <= value[-1].created_at",
    r"list\(client\.files\.list\(.*": "[file.id for file in value] == [file_id]",
    r"client\.files\.list\(.*\)\.headers": "value['X-Request-Id'].startswith('req_')",
    r"client\.files\.list\(.*\)\.rate_limit.*requests": "value > 0",
    r"client\.files\.list\(.*\)\.rate_limit.*tokens": "value is None",
    r"client\.files\.list\(.*\)(\.throw\(\))?": "file_id in [file.id for file in value]",
    r"client\.files\.content\(file_id\)\.unwrap\(\)": "value == data",
    r"client\.files\.download\(.*": "value.read_bytes() == data",
    r"with client\.files\.stream\(file_id\) as blocks: list\(blocks\)": "blocks.size == len(data)",
    r"client\.files\.delete\(file_id\)\.(unwrap\(\)|deleted)": "value.deleted and not client.files.retrieve(file_id)",
    r"client\.uploads\.create\(.*": "(value.status, value.bytes) == ('pending', 5)",
    r"client\.uploads\.add_part\(.*": "value.upload_id == upload_id",
    r"client\.uploads\.complete\(.*": "(value.status, value.file.bytes) == ('completed', 5)",
    r"client\.uploads\.cancel\(.*": "(value.id, value.status) == (upload_id, 'cancelled')",
    r"client\.batches\.create\(file_id, [^,]*\)\.unwrap\(\)": "value.input_file_id == file_id",
    r"client\.batches\.create\(.*metadata.*": "value.metadata['team'] == 'a'",
    r"client\.batches\.retrieve\(.*": _BATCH,
    r"client\.batches\.wait\(batch_id\)\.unwrap\(\)": f"{_BATCH} and value.status == 'completed'",
    r"client\.batches\.cancel\(.*": "value.batch.id == batch_id if value else 'completed' in str(value.errors)",
    r"\[batch\.id for batch in .*": "value[0] == batch_id",
    r"list\(client\.batches\.list\(.*": "value[0].id == batch_id",
    r"\[row\.text for row in .*": "value == ['Why is the sky blue?']",
    r"client\.batches\.run\(.*": "value.path.read_bytes().count(b'Why is the sky blue?') == 1",
    r"client\.batches\.(cost|estimate)\(.*": "value == 0",
    r"print\(\[\(error\..*": 'said.startswith("[(True, 404, \'req_")',
    r"print\(\"stored\".*": "said == 'stored'",
    r"\[\(error\.message, .*": "value == [('No such File object: file-x', 'Not Found', True)]",
    r"params = .*expires_after = .*": "value.expires_after == {'anchor': 'created_at', 'seconds': 3600}",
    r"params = .*on_terminate = done": "value.on_terminate is done",
    r"params = OpenAIFileParameters\(\)": "value == OpenAIFileParameters()",
}
"""Code on the right, as a pattern → what must be so after it, of the *value* it has or assigns, or what it *said*."""


def _is_whole(code: str) -> bool:
    """
    Return whether *code* stands by itself, and is not merely the name of something.
    """
    return "(" in code and not code.endswith("()")


def _run(code: str, names: dict[str, Any]) -> Any:
    """
    Run *code*; return the value of its last expression, or what it assigns.
    """
    *before, last = ast.parse(code).body
    exec(compile(ast.Module(before, []), code, "exec"), names)  # noqa: S102  our own page
    if not isinstance(last, ast.Expr):
        exec(compile(ast.Module([last], []), code, "exec"), names)  # noqa: S102  our own page
        return names[ast.unparse(last.targets[0]).partition(".")[0]] if isinstance(last, ast.Assign) else None
    value = eval(compile(ast.Expression(last.value), code, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307  likewise
    return asyncio.run(value) if inspect.iscoroutine(value) else value


@pytest.mark.parametrize(("library", "theirs", "ours"), _ROWS, ids=[f"{row[0]}-{row[1][:50]}" for row in _ROWS])
def test_what_is_written_here_does_what_it_says(
    library: str, theirs: str, ours: str, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    All code on the right that is whole runs after the page's snippet, and has the value that those from there expect.
    """
    first, *others = _CODE.findall(ours)
    for code in (first, *filter(_is_whole, others)):
        value = _run(code, names)
        found = [(match, wanted) for pattern, wanted in _VALUES.items() if (match := re.fullmatch(pattern, code))]
        assert found, f"{library}: {theirs}: nothing says what becomes of {code}"
        facts = {**names, "value": value, "match": found[0][0], "said": capsys.readouterr().out.strip()}
        assert eval(found[0][1], facts), (code, value)  # noqa: S307  our own words


def calls_of(library: str) -> list[str]:
    """
    Return what people wrote there, of each row that says it in one line of Python.
    """
    codes = [code for name, theirs, _ in _ROWS if name == library for code in _CODE.findall(theirs)]
    return [code for code in codes if "(" in code and _parses(code)]


def _parses(code: str) -> bool:
    try:
        compile(code, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("library", ["openai", "litellm"])
def test_what_was_written_there_is_python(library: str) -> None:
    """
    Each library has its table, and nearly all of its calls parse; the library itself runs them in tests/foreign.
    """
    rows = [theirs for name, theirs, _ in _ROWS if name == library]
    assert len(calls_of(library)) > 0.7 * len(rows) > 8
