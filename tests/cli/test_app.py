"""
The program as a whole: demo, providers, completion, help.
"""

from __future__ import annotations

import contextlib
import io
import json
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from aikit import jsonl
from aikit.cli.app import app
from aikit.cli.option_types import Rate
from aikit.cli.options import Settings
from tests.cli.conftest import Here


def test_demo_tells_the_whole_job(aikit: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The demo goes through every step, ends well, and leaves nothing behind.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    ran = aikit("demo", "--lines", "50")
    assert ran.code == 0
    steps = [line.split()[0] for line in ran.out.splitlines() if line[:1].islower()]
    before, after = ["make", "check", "upload", "list", "fetch", "compare"], ["results", "cost", "delete"]
    assert steps == [*before, "batch", "wait", *after]
    assert "completed: 50 of 50 answered, 0 failed" in ran.out
    assert "in the order of the input, 50 requests: 50 ok" in ran.out
    assert "$0.00, for the built-in model is free" in ran.out
    assert "line 3, duplicate_custom_id" in ran.out
    assert "the same byte for byte" in ran.out
    assert list((tmp_path / "temporary").iterdir()) == []


def test_demo_fits_eighty_columns(aikit: Here) -> None:
    """
    No line of the demo is wider than a common terminal.
    """
    assert max(map(len, aikit("demo", "--lines", "3").out.splitlines())) <= 80


def test_the_program_that_the_demo_shows_runs(aikit: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The snippet at the demo's end has a file of requests answered, as it stands.
    """
    told = aikit("demo", "--lines", "3").out
    snippet = textwrap.dedent(told.partition("The same in Python:\n")[2].partition("Next:")[0])
    monkeypatch.chdir(tmp_path)
    jsonl.write("requests.jsonl", [jsonl.chat_line("Why?", model="m", custom_id="one")])
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(snippet, "demo", "exec"), {})  # noqa: S102  our own program
    assert printed.getvalue() == "one ok Why?\n"


def test_demo_as_json_is_one_document(aikit: Here) -> None:
    """
    --json tells what was uploaded and that both hashes are the same.
    """
    told = aikit("demo", "--lines", "50", "--json").json
    assert told["success"]
    assert told["deleted"]
    assert told["sha256_sent"] == told["sha256_fetched"]
    assert told["file"]["filename"] == "requests.jsonl"
    assert (told["status"], told["counts"]) == ("completed", {"ok": 50})
    assert (told["cost"]["cost"], told["cost"]["answered"]) == ("0", 50)


def test_demo_keeps_its_files_in_a_given_home(aikit: Here, tmp_path: Path) -> None:
    """
    With --home both files stay, and are the same.
    """
    home = tmp_path / "kept"
    assert str(home) in aikit("demo", "--lines", "3", "--home", home).out
    assert (home / "requests.jsonl").read_bytes() == (home / "fetched.jsonl").read_bytes()


def test_failing_demo_says_why(aikit: Here, tmp_path: Path) -> None:
    """
    A home that cannot be one ends the demo with exit code 1 or 2 and a sentence.
    """
    (tmp_path / "file").write_text("")
    ran = aikit("demo", "--home", tmp_path / "file" / "home")
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err


def test_quiet_demo_says_nothing(aikit: Here) -> None:
    """
    -q leaves the exit code alone.
    """
    ran = aikit("demo", "--lines", "3", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_providers_never_show_keys(aikit: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whether there is a key is told, the key is not; each says where it comes from.
    """
    path = tmp_path / "AIProviders.json"
    path.write_text(json.dumps({"providers": {"mine": {"baseURL": "https://example.org/v1", "apiKey": "sk-secret"}}}))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden")
    ran = aikit("providers")
    assert "secret" not in ran.out
    assert "hidden" not in ran.out
    assert [fields[:5] for fields in ran.fields] == [
        ["openai", "openai", "https://api.openai.com/v1", "set", "environment"],
        ["local", "local", str(tmp_path / "home"), "-", "built in"],
        ["gemini", "gemini", "https://generativelanguage.googleapis.com", "not set", "built in"],
        ["mine", "openai", "https://example.org/v1", "set", "AIProviders.json"],
    ]
    assert [fields[5] for fields in ran.fields] == [
        "kind: built in; base_url: built in; api_key: OPENAI_API_KEY",
        "kind: built in; home: AIKIT_HOME",
        "kind: built in; base_url: built in",
        "kind: built in; base_url: AIProviders.json:1; api_key: AIProviders.json:1",
    ]
    assert [one["has_key"] for one in aikit("providers", "--json").json["data"]] == [True, False, False, True]
    assert aikit("providers", "-q").out.split() == ["openai", "local", "gemini", "mine"]


def test_providers_tell_where_each_setting_is_from(
    aikit: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The line of a file, a variable, an option or nothing but aikit itself; secrets are masked, also those of options.
    """
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "secret-token")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com/?sig=secret-signature")
    path = tmp_path / "mine.json"
    monkeypatch.setenv("AIKIT_PROVIDERS", str(path))
    path.write_text(
        '{"providers": {"mine": {\n"kind": "azure",\n"baseURL": "https://h.example",\n"apiKey": "secret"}}}'
    )
    ran = aikit("providers", "--json", "--home", tmp_path / "given")
    assert "secret" not in ran.out + ran.err
    settings = {one["name"]: one["settings"] for one in ran.json["data"]}
    assert settings["local"]["home"] == {"value": str(tmp_path / "given"), "from": "--home"}
    assert settings["azure"]["base_url"]["from"] == "AZURE_OPENAI_ENDPOINT"
    assert settings["azure"]["ad_token"] == {"value": "***", "from": "AZURE_OPENAI_AD_TOKEN"}
    assert settings["mine"] == {
        "kind": {"value": "azure", "from": f"{path}:2"},
        "base_url": {"value": "https://h.example/openai/v1", "from": f"{path}:3"},
        "api_key": {"value": "***", "from": f"{path}:4"},
    }


def test_credentials_are_shown_by_their_path_and_never_by_their_text(
    aikit: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What cannot be read is named, too; a provider that the environment configures is from there.
    """
    path = tmp_path / "account.json"
    path.write_text('{"type": "service_account", "private_key": "s3cret"}')
    monkeypatch.setenv("GCS_BUCKET_NAME", "my-bucket")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    for text, shown in ((str(path), str(path)), (path.read_text(), "***")):
        monkeypatch.setenv("VERTEXAI_CREDENTIALS", text)
        ran = aikit("providers", "--json")
        vertex = next(one for one in ran.json["data"] if one["name"] == "vertex")
        assert vertex["from"] == "environment"
        assert vertex["settings"]["credentials"] == {"value": shown, "from": "VERTEXAI_CREDENTIALS"}
        assert "s3cret" not in ran.out + ran.err
    path.unlink()
    monkeypatch.setenv("VERTEXAI_CREDENTIALS", str(path))
    for command in (("providers",), ("doctor", "vertex")):
        assert f"credentials {path} cannot be read" in aikit(*command).out


def test_one_bad_provider_hides_none_of_the_others(aikit: Here, tmp_path: Path) -> None:
    """
    An entry that cannot be used says so in its place, and shows no password even so.
    """
    entries = {"odd": {"kind": "telegraph"}, "loud": {"baseURL": "https://user:secret@example.org/v1"}}
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": entries}))
    ran = aikit("providers")
    assert ran.code == 0
    assert [fields[0] for fields in ran.fields] == ["openai", "local", "gemini", "odd", "loud"]
    assert [fields[2].startswith("cannot be used") for fields in ran.fields] == [False, False, False, True, True]
    assert "secret" not in ran.out + ran.err


def test_what_of_a_provider_file_is_not_heeded_is_told(aikit: Here, tmp_path: Path) -> None:
    """
    A note for each unknown key, with its line; none of their values.
    """
    (tmp_path / "AIProviders.json").write_text('{"x": 1,\n"providers": {"mine": {\n"api_key": "sk-secret"}}}')
    ran = aikit("providers")
    assert ran.code == 0
    assert "note: AIProviders.json:1: 'x' is neither of providers, models, and is ignored" in ran.err
    assert "note: AIProviders.json:3: provider 'mine' has the unknown key 'api_key'" in ran.err
    assert "sk-secret" not in ran.out + ran.err


def test_broken_provider_file_is_wrong_usage(aikit: Here, tmp_path: Path) -> None:
    """
    A file that is no JSON is told with its path.
    """
    (tmp_path / "AIProviders.json").write_text("{")
    ran = aikit("providers")
    assert ran.code == 2
    assert "AIProviders.json cannot be read as JSON" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(aikit: Here, shell: str) -> None:
    """
    Each shell gets a script that asks aikit.
    """
    ran = aikit("completion", shell)
    assert ran.code == 0
    assert "_AIKIT_COMPLETE" in ran.out


@pytest.mark.parametrize(
    ("words", "number", "expected"),
    [
        ("aikit files create -p fine", 4, ["plain,fine-tune"]),
        ("aikit --provider lo", 2, ["plain,local"]),
        ("aikit files li", 2, ["plain,list"]),
        ("aikit batches w", 2, ["plain,wait"]),
        ("aikit batch r", 2, ["plain,run"]),
        ("aikit batches results batch_1 --only ok,fa", 5, ["plain,ok,failed"]),
        ("aikit batches create --endpoint /v1/emb", 4, ["plain,/v1/embeddings"]),
    ],
)
def test_completion_knows_purposes_and_providers(words: str, number: int, expected: list[str]) -> None:
    """
    What a shell asks while a line is typed is answered with the words that fit.
    """
    env = {"COMP_WORDS": words, "COMP_CWORD": str(number), "_AIKIT_COMPLETE": "bash_complete"}
    ran = CliRunner().invoke(app, [], env=env, prog_name="aikit", complete_var="_AIKIT_COMPLETE")
    assert ran.output.splitlines() == expected


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("demo", "--help"),
        ("files", "--help"),
        *(("files", verb, "--help") for verb in ("create", "list", "retrieve", "content", "delete", "check")),
        ("batches", "--help"),
        *(("batches", verb, "--help") for verb in ("create", "list", "retrieve", "cancel", "wait")),
        *(("batches", verb, "--help") for verb in ("results", "cost", "resubmit")),
        ("batch", "--help"),
        ("batch", "run", "--help"),
        ("providers", "--help"),
        ("doctor", "--help"),
        ("providers", "login", "--help"),
        ("providers", "logout", "--help"),
        ("completion", "--help"),
    ],
)
def test_help_fits_and_names_the_shared_options(argv: tuple[str, ...]) -> None:
    """
    Every command has help of at most eighty columns that ends with the options of every command.
    """
    ran = CliRunner().invoke(app, argv, terminal_width=80)
    assert ran.exit_code == 0
    assert "Options of every command:" in ran.output
    assert "--json" in ran.output
    assert max(map(len, ran.output.splitlines())) <= 80


@pytest.mark.parametrize("group", [(), ("files",), ("batches",), ("gateway", "keys")])
def test_help_says_whole_sentences(group: tuple[str, ...]) -> None:
    """
    What a command does is not cut off, and wraps at words.
    """
    told = CliRunner().invoke(app, [*group, "--help"], terminal_width=60).output
    commands = told.split("Commands:\n")[1].split("\n\n")[0]
    assert "..." not in commands
    assert all(len(line) <= 60 for line in commands.splitlines())


def test_help_documents_the_exit_codes() -> None:
    """
    Aikit --help tells all exit codes.
    """
    told = CliRunner().invoke(app, ["--help"]).output
    assert all(f"  {code:<5}" in told for code in (0, 1, 2, 3, 4, 130))


def test_a_command_to_go_on_with_has_no_key() -> None:
    """
    The same provider, address and home are named, quoted for a shell; the key is not.
    """
    settings = Settings(provider="work", base_url="http://127.0.0.1:9/v1", api_key="sk-secret", home=Path("my home"))
    words = "aikit batches wait batch_1 --provider work --base-url http://127.0.0.1:9/v1 --home 'my home'"
    assert settings.command_line("batches", "wait", "batch_1") == words
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("said", "bytes_per_second"),
    [("500000", 500_000), ("2K", 2048), ("1.5m", 1_572_864), ("2MiB/s", 2_097_152), ("2MB", 2_000_000), ("1 G", 2**30)],
)
def test_a_rate_has_a_unit(said: str, bytes_per_second: int) -> None:
    """
    K and KiB are 1,024 bytes, KB a thousand, as elsewhere in the world.
    """
    assert Rate().convert(said, None, None) == bytes_per_second


def test_rate_that_is_too_low_is_told_as_it_was_given(aikit: Here) -> None:
    """
    Who leaves out the unit reads the number that was understood.
    """
    ran = aikit("files", "list", "--bandwidth", "2")
    assert ran.code == 2
    assert ran.err.startswith("error: --bandwidth must be 1,024 bytes a second or more, not 2\n")


def test_bandwidth_holds_a_command_back(aikit: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is an option of every command, and of the command that resumes; what is no rate or too little is wrong usage.
    """
    held: list[float] = []
    monkeypatch.setattr("aikit.http.bandwidth.Bandwidth.wait", lambda self, *_: held.append(self.bytes_per_second))
    (tmp_path / "a.txt").write_text("x" * 5000)
    assert aikit("files", "create", "a.txt", "-p", "user_data", "--bandwidth", "2K").code == 0
    assert set(held) == {2048}
    assert Settings(bandwidth=2048.0).command_line("files", "list") == "aikit files list --bandwidth 2048"
    for wrong in ("fast", "-1", "10", "1T"):
        assert aikit("files", "list", "--bandwidth", wrong).code == 2


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (("file", "list"), "aikit files"),
        (("bacth", "run", "in.jsonl"), "aikit batch"),
        (("files", "lst"), "aikit files list"),
        (("batch", "list"), "aikit batches list"),
        (("batches", "run", "in.jsonl"), "aikit batch run"),
        (("run", "in.jsonl"), "aikit batch run"),
        (("prune",), "aikit files prune"),
        (("files", "wait", "id"), "aikit batches wait"),
    ],
)
def test_command_that_is_none_is_told_with_the_one_that_may_be_meant(
    aikit: Here, argv: tuple[str, ...], meant: str
) -> None:
    """
    A name that is nearly that of a command, or that of a command of another group.
    """
    ran = aikit(*argv)
    assert ran.code == 2
    assert f'; did you mean "{meant}"?' in ran.err


@pytest.mark.parametrize("argv", [("frobnicate",), ("files", "frobnicate", "--help")])
def test_command_that_resembles_none_is_told_without_a_guess(aikit: Here, argv: tuple[str, ...]) -> None:
    """
    Only where help is to be had.
    """
    ran = aikit(*argv)
    assert (ran.code, "did you mean" in ran.err) == (2, False)
    assert "there is no command 'frobnicate'" in ran.err


def test_version_is_told(aikit: Here) -> None:
    """
    --version prints name and version.
    """
    assert aikit("--version").out.startswith("aikit 0.")


def test_unexpected_exception_is_a_sentence(aikit: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A bug in aikit itself prints no traceback either.
    """

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom \x1b[2J")

    monkeypatch.setattr("aikit.cli.app.app.main", fail)
    ran = aikit("demo")
    assert ran.code == 1
    assert ran.err == "error: unexpected RuntimeError: boom \\x1b[2J; this is a bug in aikit\n"
