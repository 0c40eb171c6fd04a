from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.config.files import ConfigError, Place, api_key_reader, load, load_config, read_sources


def written(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    path.chmod(mode)
    return path


# ---- configuration ---------------------------------------------------


def test_directory_is_its_main_file_and_then_its_drop_ins_by_name(tmp_path: Path) -> None:
    written(tmp_path / "harkd.toml", "[talk]\nhold_s = 1\nanswer_s = 1\nmax_turn_s = 1")
    written(tmp_path / "conf.d/20-b.toml", "[talk]\nhold_s = 3")
    written(tmp_path / "conf.d/10-a.toml", "[talk]\nhold_s = 2\nanswer_s = 2")
    written(tmp_path / "conf.d/.30-half.toml.swp", "nonsense")
    written(tmp_path / "conf.d/.syncthing.40.toml", "nonsense")
    written(tmp_path / "conf.d/50.toml.bak", "nonsense")
    talk = load_config([tmp_path]).talk
    assert (talk.hold_s, talk.answer_s, talk.max_turn_s) == (3, 2, 1)


def test_paths_are_laid_over_each_other_in_order(tmp_path: Path) -> None:
    first = written(tmp_path / "1.toml", "vad.aggressiveness = 1")
    second = written(tmp_path / "2.toml", "vad.aggressiveness = 2")
    assert load_config([second, first]).vad.aggressiveness == 1


def test_drop_ins_need_no_main_file(tmp_path: Path) -> None:
    written(tmp_path / "conf.d/a.toml", "vad.aggressiveness = 3")
    assert load_config([tmp_path]).vad.aggressiveness == 3


def test_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert (
        load_config([written(tmp_path / "a.toml", "\ufeffvad.aggressiveness = 3\r\n")]).vad.aggressiveness
        == 3
    )


@pytest.mark.parametrize("name", ["missing.toml", ""])
def test_missing_file_is_an_error_with_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"(missing|harkd)\.toml: cannot be read: No such file"):
        load_config([tmp_path / name])


def test_text_that_is_not_utf8_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"# ok\n# gr\xfc\xdf\n")
    with pytest.raises(ConfigError, match=r"a\.toml:2: is not UTF-8 text"):
        load_config([path])


def test_all_problems_of_all_files_are_in_the_message(tmp_path: Path) -> None:
    broken = [written(tmp_path / f"{n}.toml", text) for n, text in enumerate(["a =", "= 1"])]
    with pytest.raises(ConfigError) as caught:
        load_config(broken)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/0.toml:1: not valid TOML: Invalid value",
        f"{tmp_path}/1.toml:1: not valid TOML: Invalid statement",
    ]
    assert len(caught.value.problems) == 2


def test_wrong_values_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path / "harkd.toml", "[vad]\naggressiveness = 9")
    written(tmp_path / "conf.d/a.toml", "[buttons.talk]\npin = 99")
    with pytest.raises(ConfigError) as caught:
        load_config([tmp_path])
    assert [(Path(p.file).name, p.line, p.key) for p in caught.value.problems] == [
        ("harkd.toml", 2, "vad.aggressiveness"),
        ("a.toml", 2, "buttons.talk.pin"),
    ]


@pytest.mark.parametrize(("hostname", "hold_s"), [("kitchen", 3), ("KITCHEN", 3), ("hall", 2), ("", 2)])
def test_file_of_this_very_box_wins_over_the_drop_ins(tmp_path: Path, hostname: str, hold_s: float) -> None:
    written(tmp_path / "conf.d/a.toml", "[talk]\nhold_s = 2")
    written(tmp_path / "devices/kitchen.toml", "[talk]\nhold_s = 3")
    assert load(Place((tmp_path,), hostname)).config.talk.hold_s == hold_s


def test_environment_wins_over_all_files(tmp_path: Path) -> None:
    written(tmp_path / "devices/kitchen.toml", "[talk]\nhold_s = 3")
    assert load(Place((tmp_path,), "kitchen", {"HARKD_TALK__HOLD_S": "4"})).config.talk.hold_s == 4


def test_mistakes_of_files_and_of_the_environment_are_told_together(tmp_path: Path) -> None:
    written(tmp_path / "harkd.toml", "talk.hold_s = -1")
    with pytest.raises(ConfigError) as caught:
        load(Place((tmp_path,), "", {"HARKD_TALK__MODE": "x", "HARKD_NONSENSE": "1"}))
    assert [Path(problem.file).name for problem in caught.value.problems] == [
        "HARKD_TALK__MODE",
        "harkd.toml",
        "HARKD_NONSENSE",
    ]


def test_link_to_nowhere_is_a_problem_and_not_left_out(tmp_path: Path) -> None:
    written(tmp_path / "conf.d/a.toml", "")
    (tmp_path / "harkd.toml").symlink_to("gone")
    with pytest.raises(ConfigError, match=r"harkd\.toml: cannot be read: No such file"):
        load_config([tmp_path])
    (tmp_path / "harkd.toml").unlink()
    (tmp_path / "agents").symlink_to("gone")
    with pytest.raises(ConfigError, match="agents: cannot be read: No such file"):
        load_config([tmp_path])


def test_pipe_is_a_problem_that_nobody_waits_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "harkd.toml")
    with pytest.raises(ConfigError, match="it is a pipe"):
        load_config([tmp_path])


def test_file_without_an_end_is_a_problem() -> None:
    with pytest.raises(ConfigError, match="longer than"):
        load_config([Path("/dev/zero")])


def test_revision_is_that_of_every_file_and_variable_but_not_of_the_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / name / "harkd.toml", "talk.hold_s = 3")
        written(tmp_path / name / "agents/cook.toml", 'name = "Cook"')
    there = read_sources(Place((tmp_path / "a",))).revision
    assert len(there) == 12
    assert read_sources(Place((tmp_path / "b",), "", {"PATH": "/"})).revision == there
    assert read_sources(Place((tmp_path / "b",), "", {"HARKD_TALK__HOLD_S": "3"})).revision != there
    written(tmp_path / "b/agents/cook.toml", 'name = "Baker"')
    assert read_sources(Place((tmp_path / "b",))).revision != there


# ---- the API key -----------------------------------------------------


def test_systemd_credential_comes_before_file_and_environment(tmp_path: Path) -> None:
    written(tmp_path / "credentials/openai_api_key", "sk-systemd\n", 0o440)
    file = written(tmp_path / "key", "sk-file\n", 0o600)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"), "OPENAI_API_KEY": "sk-environment"}
    read = api_key_reader(environ, file)
    assert read() == "sk-systemd"
    (tmp_path / "credentials/openai_api_key").unlink()
    assert read() == "sk-file"
    file.unlink()
    assert read() == "sk-environment"
    del environ["OPENAI_API_KEY"]
    assert read() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("closed", [".", "conf.d"])
def test_directory_that_may_not_be_read_is_a_problem_and_not_left_out(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "etc/harkd.toml", "")
    written(tmp_path / "etc/conf.d/10-a.toml", "[talk]\nhold_s = 2")
    tmp_path.chmod(0o755)
    (tmp_path / "etc" / closed).chmod(0)
    monkeypatch.chdir(tmp_path)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match=r"^etc/conf\.d: cannot be read: Permission denied$"):
            load_config([Path("etc")])
    finally:
        os.seteuid(0)


def test_new_key_is_found_without_a_restart(tmp_path: Path) -> None:
    file = written(tmp_path / "key", "sk-old", 0o600)
    read = api_key_reader({}, file)
    assert read() == "sk-old"
    written(file, "sk-new", 0o600)
    assert read() == "sk-new"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_key_file_open_to_others_is_refused_even_with_a_key_in_the_environment(
    tmp_path: Path, mode: int
) -> None:
    file = written(tmp_path / "key", "sk-file", mode)
    with pytest.raises(PermissionError, match=f"may be read by others .* chmod 600 {file}") as caught:
        api_key_reader({"OPENAI_API_KEY": "sk-environment"}, file)()
    assert "sk-file" not in str(caught.value)


def test_empty_key_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is empty"):
        api_key_reader({}, written(tmp_path / "key", "\n", 0o600))()


@pytest.mark.parametrize(
    ("rotated", "at_the_start", "key"),
    [
        ("sk-new", "sk-old", "sk-new"),
        (None, "sk-old", "sk-old"),
        ("", "sk-old", None),  # revoked: the old one must not be used again
        ("sk-new", "\n", "sk-new"),  # the first one ever
        (None, "\n", None),
    ],
)
def test_changed_key_replaces_that_of_the_start(
    tmp_path: Path, rotated: str | None, at_the_start: str, key: str | None
) -> None:
    written(tmp_path / "credentials/openai_api_key", at_the_start, 0o400)
    if rotated is not None:
        written(tmp_path / "run/openai_api_key", rotated, 0o600)
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
        "RUNTIME_DIRECTORY": str(tmp_path / "run"),
    }
    assert api_key_reader(environ, tmp_path / "missing")() == key


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_file_only_systemd_may_read_and_found_empty_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "key", "", 0o600)
    written(tmp_path / "credentials/openai_api_key", "\n", 0o444)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    os.seteuid(65534)
    try:
        with pytest.raises(ValueError, match="key had no key in it when systemd read it"):
            api_key_reader({"CREDENTIALS_DIRECTORY": "credentials"}, Path("key"))()
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_key_file_of_somebody_else_is_an_error_unless_the_environment_has_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "key", "sk-file", 0o600)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # from inside it only the file itself is in the way
    file = Path("key")
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match="cannot be read by this user"):
            api_key_reader({}, file)()
        assert api_key_reader({"OPENAI_API_KEY": "sk-environment"}, file)() == "sk-environment"
    finally:
        os.seteuid(0)
