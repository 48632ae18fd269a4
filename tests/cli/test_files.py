"""
``aikit files``, in this process, on the embedded provider.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aikit.jsonl import chat_line
from tests.cli.conftest import Here, batch_lines
from tests.cli.server import file, serving
from tests.files_server import files_server


def created(aikit: Here, path: Path) -> str:
    """
    Upload *path* and return its id.
    """
    return aikit("files", "create", path, "-p", "batch", "-q").out.strip()


def test_created_file_is_printed_as_tab_separated_fields(aikit: Here, good: Path) -> None:
    """
    Off a terminal a file is one line: id, name, bytes, purpose, status, created and expires in UTC.
    """
    ran = aikit("files", "create", good, "--purpose", "batch")
    assert ran.code == 0
    (fields,) = ran.fields
    assert fields[1:5] == ["good.jsonl", str(good.stat().st_size), "batch", "processed"]
    assert fields[5].endswith("Z")
    assert len(fields) == 7
    assert "1 file uploaded" in ran.err


def test_quiet_prints_bare_ids_and_no_words(aikit: Here, good: Path) -> None:
    """
    -q leaves ids on stdout and nothing on stderr.
    """
    ran = aikit("files", "create", good, good, "-p", "batch", "-q")
    assert [line.startswith("file-") and "\t" not in line for line in ran.out.splitlines()] == [True, True]
    assert ran.err == ""


def test_json_of_one_file_is_its_object(aikit: Here, good: Path) -> None:
    """
    --json prints the API's File object for one file.
    """
    ran = aikit("files", "create", good, "-p", "batch", "--json")
    assert ran.json["object"] == "file"
    assert ran.json["filename"] == "good.jsonl"


def test_json_of_several_files_is_one_list(aikit: Here, good: Path, bad: Path) -> None:
    """
    --json prints one document for many files, with errors beside the data, each with its subject.
    """
    ran = aikit("files", "create", good, bad, "-p", "batch", "--json")
    assert ran.code == 3
    assert ran.json["object"] == "list"
    assert [one["filename"] for one in ran.json["data"]] == ["good.jsonl"]
    assert {one["subject"] for one in ran.json["errors"]} == {str(bad)}
    assert [one["error"]["line"] for one in ran.json["errors"]] == [1, 2]


def test_one_failing_file_does_not_stop_the_others(aikit: Here, good: Path, bad: Path) -> None:
    """
    The good ones are uploaded, every problem of the others is told with its line, and the exit code is 3.
    """
    ran = aikit("files", "create", bad, good, "missing.jsonl", "-p", "batch")
    assert ran.code == 3
    assert len(ran.fields) == 1
    assert f"error: {bad}: " in ran.err
    assert "line 2)" in ran.err
    assert "error: missing.jsonl does not exist; check the path (code file_not_found)" in ran.err
    assert "1 file uploaded, 2 failed" in ran.err


def test_nothing_uploaded_is_told_without_bytes_and_time(aikit: Here, good: Path, bad: Path) -> None:
    """
    When nothing was stored, the summary counts files only; otherwise it tells bytes and seconds too.
    """
    assert aikit("files", "create", bad, "-p", "batch").err.splitlines()[-1] == "0 files uploaded, 1 failed"
    told = aikit("files", "create", bad, good, "-p", "batch").err.splitlines()[-1]
    assert re.fullmatch(r"1 file uploaded, 1 failed: \d+ bytes in [\d.]+ s", told)


def test_unvalidated_file_is_refused_by_the_provider(aikit: Here, tmp_path: Path) -> None:
    """
    --no-validate sends it anyhow; what the provider then refuses has exit code 1 and a request id.
    """
    path = tmp_path / "notes.exe"
    path.write_bytes(b"x")
    ran = aikit("files", "create", path, "-p", "assistants", "--no-validate")
    assert ran.code == 1
    assert "request id req_" in ran.err


def test_folder_stands_for_its_files_in_order(aikit: Here, tmp_path: Path) -> None:
    """
    Of a folder its files are sent, sorted, and those of inner folders, as the library does; hidden files are not.
    """
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    for name in ("b.txt", "a.txt", ".hidden.txt", "inner/c.txt"):
        (folder / name).write_text(name)
    ran = aikit("files", "create", folder, "-p", "user_data")
    assert [fields[1] for fields in ran.fields] == ["a.txt", "b.txt", "c.txt"]
    assert aikit("files", "check", folder, "-p", "user_data").err.startswith("3 files checked")


@pytest.mark.parametrize("command", ["create", "check"])
def test_folders_that_are_not_entered_are_counted(aikit: Here, tmp_path: Path, command: str) -> None:
    """
    With --no-recursive only a folder's own files are taken, and what is left out is told.
    """
    folder = tmp_path / "folder"
    for name in ("a.txt", "inner/c.txt", "other/d.txt", "other/deep/e.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    told = aikit("files", command, folder, "-p", "user_data", "--no-recursive").err
    assert told.startswith("1 file ")
    assert "2 folders were not entered" in told
    assert "not entered" not in aikit("files", command, folder, "-p", "user_data").err


def test_links_out_of_a_folder_are_left_out_and_counted(aikit: Here, tmp_path: Path) -> None:
    """
    The summary says how many; --follow-links takes them, for uploads and checks alike.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").symlink_to("../secret.txt")
    for command, words in (("create", "1 file uploaded"), ("check", "1 file checked")):
        ran = aikit("files", command, folder, "-p", "user_data")
        assert ran.err.splitlines()[-2].startswith(words)
        assert "1 link out of a folder left out" in ran.err.splitlines()[-1]
        ran = aikit("files", command, folder, "-p", "user_data", "--follow-links")
        assert ran.err.splitlines()[-1].startswith(words.replace("1 file", "2 files"))


def test_folder_without_files_is_a_problem(aikit: Here, tmp_path: Path) -> None:
    """
    An empty folder is told, with exit code 3.
    """
    ran = aikit("files", "create", tmp_path / "home", tmp_path, "-p", "user_data")
    assert ran.code == 3
    assert "empty_folder" in aikit("files", "create", tmp_path, "-p", "user_data").err


def test_stdin_is_checked_before_it_is_sent(aikit: Here) -> None:
    """
    Standard input is checked like a file, and gets a name from its purpose.
    """
    assert aikit("files", "create", "-", "-p", "batch", stdin=batch_lines(2)).fields[0][1] == "file.jsonl"
    ran = aikit("files", "create", "-", "-p", "batch", stdin=b"nonsense\n")
    assert ran.code == 3
    assert "line 1" in ran.err


def test_nameless_stdin_is_wrong_usage(aikit: Here) -> None:
    """
    Standard input that shows no type needs --filename; with it, it is uploaded under that name.
    """
    ran = aikit("files", "create", "-", "-p", "user_data", stdin=b"hi")
    assert ran.code == 2
    assert "--filename" in ran.err
    assert aikit("files", "create", "-", "-p", "user_data", "--filename", "a.txt", stdin=b"hi").fields[0][1] == "a.txt"


@pytest.mark.parametrize(
    "argv",
    [
        ("create", "x", "-p", "batch", "--expires-after", "soon"),
        ("create", "x", "-p", "batch", "--expires-after", "5"),
        ("create", "x", "y", "-p", "batch", "--filename", "z.jsonl"),
        ("create", "x", "-p", "batch", "--filename", "a/b"),
        ("create", "-", "-", "-p", "batch"),
        ("create", "x"),
        ("create", "", "-p", "batch"),
        ("create", "x", "-p", "batch", "--workers", "0"),
        ("list", "--limit", "0"),
        ("list", "--order", "up"),
        ("list", "--provider", "nobody"),
        ("retrieve", "a b"),
        ("retrieve",),
        ("delete", "file-1"),
        ("delete", "--yes", "../x"),
        ("content", "a b"),
    ],
)
def test_wrong_usage_has_exit_code_two(aikit: Here, argv: tuple[str, ...]) -> None:
    """
    What cannot be meant is told with exit code 2, and nothing is printed on stdout.
    """
    ran = aikit("files", *argv)
    assert ran.code == 2
    assert ran.out == ""
    assert "error: " in ran.err
    assert "Traceback" not in ran.err


def test_wrong_usage_is_json_too(aikit: Here) -> None:
    """
    With --json also wrong usage is an error object on stdout.
    """
    ran = aikit("files", "list", "--limit", "x", "--json")
    assert ran.code == 2
    assert ran.json["error"]["type"] == "usage_error"


def test_content_on_stdout_is_no_json(aikit: Here) -> None:
    """
    --json without -o is refused: stdout cannot have both the content and a document.
    """
    ran = aikit("files", "content", "file-1", "--json")
    assert ran.code == 2
    assert "-o PATH" in ran.json["error"]["message"]


def test_expiry_takes_units(aikit: Here, good: Path) -> None:
    """
    --expires-after 2h keeps a file for two hours.
    """
    made = aikit("files", "create", good, "-p", "batch", "--expires-after", "2h", "--json").json
    assert made["expires_at"] - made["created_at"] == 7200


def test_list_is_newest_first_and_pages(aikit: Here, good: Path) -> None:
    """
    --limit gives a page and tells how to go on, --after the next, --all everything.
    """
    ids = [created(aikit, good) for _ in range(3)]
    first = aikit("files", "list", "--limit", "2", "-q")
    page = aikit("files", "list", "--limit", "2")
    assert "--all" in page.err
    rest = aikit("files", "list", "--after", first.out.split()[-1], "-q")
    assert first.out.split() + rest.out.split() == ids[::-1]
    assert aikit("files", "list", "--limit", "1", "--all", "-q").out.split() == ids[::-1]
    assert aikit("files", "list", "--order", "asc", "-q").out.split() == ids
    assert aikit("files", "list", "-p", "vision", "-q").out == ""


def test_what_a_list_leaves_out_is_told_on_stderr(aikit: Here) -> None:
    """
    An object that cannot be read is named with its field beside the others, whatever is printed.
    """
    with files_server() as server:
        server.add("file-good")
        server.add("file-odd", created_at=None)
        for argv in (
            ["files", "list"],
            ["files", "list", "--json"],
            ["files", "usage"],
            ["files", "prune", "--name", "*"],
        ):
            ran = aikit(*argv, "--provider", "openai", "--base-url", server.url, "--api-key", "k")
            assert (ran.code, "file-odd was left out of the list: 'created_at'" in ran.err) == (0, True)


def test_list_as_json_is_the_api_page(aikit: Here, good: Path) -> None:
    """
    --json of a list has data, first_id, last_id and has_more; the flag may stand anywhere.
    """
    ids = [created(aikit, good) for _ in range(2)]
    for argv in (("--json", "files", "list"), ("files", "--json", "list"), ("files", "list", "--json")):
        page = aikit(*argv).json
        assert page["object"] == "list"
        assert [one["id"] for one in page["data"]] == ids[::-1]
        assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[1], ids[0], False)


def test_retrieve_tells_files_and_errors(aikit: Here, good: Path) -> None:
    """
    What is known comes on stdout, what is not found on stderr, with exit code 1.
    """
    file_id = created(aikit, good)
    assert aikit("files", "retrieve", file_id).fields[0][:2] == [file_id, "good.jsonl"]
    ran = aikit("files", "retrieve", file_id, "file-none")
    assert ran.code == 1
    assert ran.fields[0][0] == file_id
    assert "error: No such File object: file-none (status 404, request id req_" in ran.err
    failed = aikit("files", "retrieve", "file-none", "--json")
    assert failed.json["error"]["message"] == "No such File object: file-none"


def test_content_comes_back_byte_for_byte(aikit: Here, good: Path, tmp_path: Path) -> None:
    """
    Content goes to stdout as bytes, or to a path, or under its own name into a folder.
    """
    file_id = created(aikit, good)
    assert aikit("files", "content", file_id).raw == good.read_bytes()
    ran = aikit("files", "content", file_id, "-o", tmp_path / "copy.jsonl")
    assert ran.fields == [[file_id, str(tmp_path / "copy.jsonl"), str(good.stat().st_size)]]
    assert (tmp_path / "copy.jsonl").read_bytes() == good.read_bytes()
    (tmp_path / "into").mkdir()
    told = aikit("files", "content", file_id, "-o", tmp_path / "into", "--json").json
    assert Path(told["path"]).read_bytes() == good.read_bytes()


def test_a_file_in_a_folder_is_replaced_only_by_force(aikit: Here, good: Path, tmp_path: Path) -> None:
    """
    The name is the provider's choice, so that the error says which option replaces.
    """
    file_id = created(aikit, good)
    folder = tmp_path / "into"
    folder.mkdir()
    (folder / good.name).write_bytes(b"mine")
    ran = aikit("files", "content", file_id, "-o", folder)
    assert (ran.code != 0, (folder / good.name).read_bytes(), "--force" in ran.err) == (True, b"mine", True)
    assert aikit("files", "content", file_id, "-o", folder, "--force").code == 0
    assert (folder / good.name).read_bytes() == good.read_bytes()


def test_content_of_nothing_prints_nothing(aikit: Here) -> None:
    """
    For an unknown id stdout stays empty, and the exit code is 1.
    """
    ran = aikit("files", "content", "file-none")
    assert (ran.code, ran.raw) == (1, b"")
    assert "No such File object" in ran.err


def test_unwritable_target_is_told(aikit: Here, good: Path, tmp_path: Path) -> None:
    """
    A path that cannot be written has exit code 1 and leaves nothing behind.
    """
    ran = aikit("files", "content", created(aikit, good), "-o", tmp_path / "no" / "x")
    assert ran.code == 1
    assert "cannot be written" in ran.err


def test_target_that_names_a_missing_folder_is_told(aikit: Here, good: Path, tmp_path: Path) -> None:
    """
    A separator at the end means a folder; no file gets the name that the folder was to have.
    """
    ran = aikit("files", "content", created(aikit, good), "-o", f"{tmp_path}/newfolder/")
    assert (ran.code, (tmp_path / "newfolder").exists()) == (1, False)
    assert "is no folder; create it" in ran.err


def test_deleted_files_are_gone(aikit: Here, good: Path) -> None:
    """
    Delete --yes tells each deletion; deleting again is refused with exit code 1.
    """
    ids = [created(aikit, good) for _ in range(2)]
    assert aikit("files", "delete", "--yes", *ids).fields == [[file_id, "deleted"] for file_id in ids]
    assert aikit("files", "list").out == ""
    assert aikit("files", "delete", "--yes", ids[0]).code == 1


def test_delete_as_json_is_the_api_answer(aikit: Here, good: Path) -> None:
    """
    --json of one deletion is the API's object.
    """
    file_id = created(aikit, good)
    told = aikit("files", "delete", "-y", file_id, "--json").json
    assert told == {"id": file_id, "object": "file", "deleted": True}


def test_check_tells_every_problem_and_sends_nothing(aikit: Here, good: Path, bad: Path, home: Path) -> None:
    """
    Problems are data: path, line, code, message; the exit code is 3, and no store appears.
    """
    ran = aikit("files", "check", good, bad, "missing.jsonl", "-p", "batch")
    assert ran.code == 3
    assert [fields[:2] for fields in ran.fields] == [[str(bad), "1"], [str(bad), "2"], ["missing.jsonl", ""]]
    assert "3 files checked, 3 problems in 2; nothing was sent" in ran.err
    assert not home.exists()
    assert aikit("files", "check", good, bad, "-p", "batch", "-q").out == f"{bad}\n"


def test_check_of_good_files_has_exit_code_zero(aikit: Here, good: Path) -> None:
    """
    Without problems nothing is on stdout.
    """
    ran = aikit("files", "check", good, "-p", "batch")
    assert (ran.code, ran.out) == (0, "")
    assert "no problems" in ran.err
    told = aikit("files", "check", good, "-p", "batch", "--json").json
    assert told == {"path": str(good), "ok": True, "errors": [], "notes": []}


def test_check_notes_what_may_be_a_mistake(aikit: Here, good: Path) -> None:
    """
    A misspelt parameter is told on stderr and in the JSON, and changes neither stdout nor the exit code.
    """
    good.write_text(json.dumps(chat_line("Hi", model="m", temprature=0)) + "\n")
    note = f"{good.name}, line 1: unknown parameter 'temprature' of /v1/chat/completions; did you mean \"temperature\"?"
    ran = aikit("files", "check", good, "-p", "batch")
    assert (ran.code, ran.out) == (0, "")
    assert note in ran.err
    assert aikit("files", "check", good, "-p", "batch", "--json").json["notes"] == [note]
    assert note in aikit("files", "create", good, "-p", "batch").err
    assert "temprature" not in aikit("files", "check", good, "-p", "batch", "-q").err


def test_check_counts_beyond_a_hundred(aikit: Here, tmp_path: Path) -> None:
    """
    Of very many problems a hundred are listed, and the summary does not pretend that is all.
    """
    path = tmp_path / "worse.jsonl"
    path.write_bytes(b"x\n" * 500)
    ran = aikit("files", "check", path, "-p", "batch")
    assert len(ran.fields) == 100
    assert "more than 99 problems" in ran.err


def test_unknown_purpose_is_told_with_the_nearest(aikit: Here, good: Path) -> None:
    """
    A misspelt purpose is found before sending.
    """
    ran = aikit("files", "create", good, "-p", "finetune")
    assert ran.code == 3
    assert 'did you mean "fine-tune"' in ran.err


def test_hostile_names_cannot_reach_the_terminal(aikit: Here) -> None:
    """
    Escapes, tabs and direction marks in names and errors are printed as escapes; JSON keeps them exactly.
    """
    name = "a\x1b[31m\tb\u202e[bold]c[/bold]\x9b.txt"
    with serving({"object": "list", "data": [file(filename=name)], "has_more": False}) as server:
        asked = ("files", "list", "--provider", "openai", "--base-url", server.url)
        ran = aikit(*asked)
        assert ran.fields[0][1] == r"a\x1b[31m\tb\u202e[bold]c[/bold]\x9b.txt"
        as_json = aikit(*asked, "--json")
        assert as_json.json["data"][0]["filename"] == name
        assert all(char.isprintable() or char == "\n" for char in as_json.out)
        server.status, server.listing = 400, {"error": {"message": "no\x1b[2J way", "code": "x"}}
        assert r"error: no\x1b[2J way (code x, status 400)" in aikit(*asked).err


def test_key_is_never_printed(aikit: Here) -> None:
    """
    A refused key brings a hint, and the key itself is nowhere, even if the server repeats it.
    """
    with serving({"error": {"message": "Incorrect API key: sk-very-secret", "code": "invalid_api_key"}}, 401) as server:
        ran = aikit("--provider", "openai", "--base-url", server.url, "--api-key", "sk-very-secret", "files", "list")
    assert ran.code == 1
    assert "very-secret" not in ran.err + ran.out
    assert "hint: set OPENAI_API_KEY" in ran.err


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("openai", "set OPENAI_API_KEY to a valid key"),
        ("azure", "set AZURE_OPENAI_API_KEY or AZURE_API_KEY to a valid key"),
        ("gemini", "set GOOGLE_API_KEY or GEMINI_API_KEY to a valid key"),
        ("work", "aikit doctor tells which key to correct"),
    ],
)
def test_a_refused_key_brings_a_hint_to_the_one_that_was_sent(
    aikit: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, hint: str
) -> None:
    """
    It is the variable of the provider that refused.
    """
    with serving({"error": {"message": "no", "code": "401"}}, 401) as server:
        path = tmp_path / "providers.json"
        path.write_text(json.dumps({"providers": {"work": {"baseURL": server.url, "apiKey": "sk-of-work"}}}))
        monkeypatch.setenv("AIKIT_PROVIDERS", str(path))
        address = () if name == "work" else ("--base-url", server.url, "--api-key", "sk-0123456")
        ran = aikit("--provider", name, *address, "files", "list")
    assert f"hint: {hint}, or use another provider" in ran.err


def test_unreachable_server_has_exit_code_one(aikit: Here) -> None:
    """
    The network's refusal is one sentence.
    """
    ran = aikit("files", "list", "--base-url", "http://127.0.0.1:9/v1", "--provider", "openai", "--max-retries", "0")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "cannot connect" in ran.err


def test_unknown_fields_survive_in_json(aikit: Here) -> None:
    """
    What a provider adds to its objects is printed with --json.
    """
    with serving({"object": "list", "data": [file(zone="eu")]}) as server:
        told = aikit("files", "list", "--provider", "openai", "--base-url", server.url, "--json").out
    assert json.loads(told)["data"][0]["zone"] == "eu"


def test_home_alone_asks_the_embedded_provider(
    aikit: Here, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    --home without --provider never reaches a paid provider.
    """
    monkeypatch.delenv("AIKIT_PROVIDER")
    assert aikit("--home", tmp_path / "other", "files", "create", good, "-p", "batch").code == 0
    assert len(aikit("files", "list", "--home", tmp_path / "other").fields) == 1


def test_word_before_the_command_wins_over_the_environment(aikit: Here) -> None:
    """
    AIKIT_PROVIDER is used only when --provider is said nowhere.
    """
    ran = aikit("--provider", "nobody", "files", "list")
    assert ran.code == 2
    assert "nobody" in ran.err
