"""Settings: which library, which model and which database, out of arguments, the environment and TOML."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import photoseek
from photoseek.library.errors import SettingsError
from photoseek.library.settings import (
    Settings,
    is_debugging,
    library_folder,
    read_settings,
    vlm_key,
    write_initial_settings,
)


def written(folder: Path, text: str) -> Path:
    (folder / "library.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_given_wins_over_the_environment(tmp_path: Path) -> None:
    environ = {"PHOTOSEEK_LIBRARY": "/elsewhere"}
    assert library_folder(tmp_path / "mine", environ) == tmp_path / "mine"
    assert library_folder(None, environ) == Path("/elsewhere")
    with pytest.raises(photoseek.EmptyPath):
        library_folder("", environ)


def test_without_either_the_library_lies_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name, *, appauthor: tmp_path / name)
    assert library_folder(None, {}) == tmp_path / "photoseek" / "default.library"
    assert library_folder(None, {"PHOTOSEEK_LIBRARY": ""}) == tmp_path / "photoseek" / "default.library"


def test_the_real_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOTOSEEK_LIBRARY", str(tmp_path))
    assert library_folder(None) == tmp_path


def test_a_folder_may_be_relative_or_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert library_folder("here.library", {}) == tmp_path / "here.library"
    assert library_folder("~/photos.library", {}) == tmp_path / "home" / "photos.library"


def test_a_variable_of_blanks_names_no_folder() -> None:
    with pytest.raises(SettingsError, match="PHOTOSEEK_LIBRARY: it is empty but for blanks"):
        library_folder(None, {"PHOTOSEEK_LIBRARY": " \t"})
    assert library_folder(None, {"PHOTOSEEK_LIBRARY": ""}) == library_folder(None, {})


def test_the_home_of_nobody_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^~nobody-at-all/x: its home folder is not known; write .* out$"):
        library_folder("~nobody-at-all/x", {})


def test_debugging_is_asked_for_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_debugging({})
    assert not is_debugging({"PHOTOSEEK_DEBUG": ""})
    monkeypatch.setenv("PHOTOSEEK_DEBUG", "1")
    assert is_debugging()


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "nothing") == Settings(tmp_path / "nothing", "mini", None)


def test_a_file_names_model_and_catalogue_and_an_argument_wins(tmp_path: Path) -> None:
    written(tmp_path, 'model = "ViT-B-32/openai"  # ours\ncatalog = "postgresql+psycopg://u@h/n"\n')
    assert read_settings(tmp_path) == Settings(tmp_path, "ViT-B-32/openai", "postgresql+psycopg://u@h/n")
    assert read_settings(tmp_path, "mini").model == "mini"


def test_the_model_that_looks_again_is_named_by_the_file_or_the_environment(tmp_path: Path) -> None:
    assert read_settings(tmp_path, environ={}).vlm is None
    written(tmp_path, 'vlm = "blip"\n')
    assert read_settings(tmp_path, environ={}).vlm == "blip"
    assert read_settings(tmp_path, environ={"PHOTOSEEK_VLM": ""}).vlm == "blip"
    assert read_settings(tmp_path, environ={"PHOTOSEEK_VLM": "llava"}).vlm == "llava"


def test_the_key_of_a_server_comes_from_the_environment_alone(tmp_path: Path) -> None:
    assert vlm_key({"PHOTOSEEK_VLM_KEY": "secret"}) == "secret"
    assert vlm_key({"PHOTOSEEK_VLM_KEY": ""}) is None
    assert vlm_key({}) is None
    with pytest.raises(SettingsError, match="unknown setting 'vlm_key'"):
        read_settings(written(tmp_path, 'vlm_key = "secret"'))


def test_a_new_librarys_file_names_no_model_to_look_again(tmp_path: Path) -> None:
    write_initial_settings(read_settings(tmp_path, environ={"PHOTOSEEK_VLM": "llava"}))
    assert read_settings(tmp_path, environ={}) == Settings(tmp_path, "mini", None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('modle = "mini"', "unknown setting 'modle'; known are catalog, model, vlm"),
        ("model = 3", "model must be a text in quotes"),
        ('model = ""', "model must be a text in quotes"),
        ('[catalog]\nurl = "x"', "catalog must be a text in quotes"),
        ("model = mini", "is not valid TOML: "),
        ("model", "is not valid TOML: "),
    ],
)
def test_a_file_that_makes_no_sense_is_one_line_that_names_it(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(written(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path / 'library.toml'}: {reason}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "library.toml").write_bytes(b'model = "\xff\xfe"')
    with pytest.raises(SettingsError, match="is not valid TOML"):
        read_settings(tmp_path)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "library.toml").mkdir()
    with pytest.raises(SettingsError, match=r"library.toml: cannot be read: \w"):
        read_settings(tmp_path)


def test_the_library_given_may_be_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"library.toml: cannot be read: Not a directory"):
        read_settings(tmp_path / "file")


@given(model=st.text(min_size=1), catalog=st.none() | st.text(min_size=1))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, model: str, catalog: str | None
) -> None:
    settings = Settings(tmp_path_factory.mktemp("library"), model, catalog)
    write_initial_settings(settings)
    assert read_settings(settings.folder) == settings


def test_the_first_file_says_how_to_name_a_server(tmp_path: Path) -> None:
    write_initial_settings(Settings(tmp_path))
    text = (tmp_path / "library.toml").read_text(encoding="utf-8")
    assert 'model = "mini"\n' in text
    assert '# catalog = "postgresql+psycopg://' in text
    assert [path.name for path in tmp_path.iterdir()] == ["library.toml"]


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    write_initial_settings(Settings(written(tmp_path, 'model = "a/b"\n'), "mini"))
    assert (tmp_path / "library.toml").read_text(encoding="utf-8") == 'model = "a/b"\n'


def test_a_disk_that_fills_up_leaves_no_half_of_a_first_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_initial_settings(Settings(tmp_path))
    assert list(tmp_path.iterdir()) == []
