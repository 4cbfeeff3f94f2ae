"""A library on disk: made once, opened by anyone, and refused in one line when it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from photoseek.library import store as store_module
from photoseek.library.catalog.catalog import Counts
from photoseek.library.catalog.database import SCHEMA_VERSION, Database
from photoseek.library.errors import (
    CatalogUnavailable,
    LibraryError,
    LibraryLocked,
    LibraryNotFound,
    LibraryTooNew,
    ModelMismatch,
    NothingIndexed,
    PhotoseekError,
)
from photoseek.library.settings import Settings, read_settings
from photoseek.library.store import Store
from photoseek.tests.support.changes import add, indexed
from photoseek.tests.support.fakes import ColourEmbedder

SPEC = ColourEmbedder().spec


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a library that is not there yet, with its catalogue in each kind of database."""
    folder = tmp_path / "some where" / "photos.library"
    if request.param == "sqlite":
        return Settings(folder)
    url: sa.URL = request.getfixturevalue("postgresql_url")
    return Settings(folder, catalog=url.render_as_string(hide_password=False))


@pytest.fixture
def opened() -> Iterator[Callable[[Store], Store]]:
    """Note an open library, to be closed when the test ends."""
    stores: list[Store] = []

    def note(store: Store) -> Store:
        stores.append(store)
        return store

    yield note
    for store in stores:
        store.close()


Opened = Callable[[Store], Store]


def complaint(action: Callable[[], object], kind: type[PhotoseekError]) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_library_is_made_with_its_folders_settings_and_catalogue(settings: Settings, opened: Opened) -> None:
    store = opened(Store.open_or_create(settings))
    assert store.catalog.counts() == Counts(0, 0, 0)
    names = {path.name for path in settings.folder.iterdir()}
    assert {"library.toml", "catalog.sqlite"} & names == (
        {"library.toml"} if settings.catalog else {"library.toml", "catalog.sqlite"}
    )
    assert read_settings(settings.folder) == settings


def test_what_was_written_is_there_when_it_is_opened_again(settings: Settings, opened: Opened) -> None:
    first = opened(Store.open_or_create(settings))
    [image_id] = add(first.catalog, first.catalog.ensure_model(SPEC), "/photos/a.png")
    for again in (Store.open_or_create(settings), Store.open(settings)):
        assert set(opened(again).catalog.images([image_id])) == {image_id}
        assert again.catalog.meta().library_id == first.catalog.meta().library_id


def test_opening_never_makes_a_library(settings: Settings) -> None:
    message = complaint(lambda: Store.open(settings), LibraryNotFound)
    assert message.startswith(f"no library at {settings.folder}: make one with `photoseek index FOLDER`")
    assert not settings.folder.exists()


def test_a_model_chosen_at_the_first_indexing_is_remembered(settings: Settings, opened: Opened) -> None:
    opened(Store.open_or_create(replace(settings, model="ViT-B-32/openai")))
    opened(Store.open_or_create(replace(settings, model="mini")))
    assert read_settings(settings.folder).model == "ViT-B-32/openai"


def test_a_creation_that_breaks_is_taken_up_by_the_next(
    settings: Settings, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_database: Database) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Database, "create", killed)
    with pytest.raises(KeyboardInterrupt):
        Store.open_or_create(replace(settings, model="ViT-B-32/openai"))
    monkeypatch.undo()
    complaint(lambda: Store.open(settings), LibraryNotFound)
    assert opened(Store.open_or_create(settings)).catalog.counts() == Counts(0, 0, 0)
    # The catalogue never stands without the settings it was made with.
    assert read_settings(settings.folder).model == "ViT-B-32/openai"


def test_a_newer_library_is_refused(settings: Settings) -> None:
    Store.open_or_create(settings).close()
    database = Database(settings.catalog) if settings.catalog else Database.in_file(settings.folder / "catalog.sqlite")
    with database.writing() as (connection, _):
        connection.exec_driver_sql(f"UPDATE meta SET schema_version = {SCHEMA_VERSION + 1}")
    database.close()
    assert "upgrade with `pip install -U photoseek`" in complaint(lambda: Store.open(settings), LibraryTooNew)
    complaint(lambda: Store.open_or_create(settings), LibraryTooNew)


def test_an_empty_file_left_by_a_killed_creation_is_no_library_until_it_is_made(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "catalog.sqlite").touch()
    complaint(lambda: Store.open(Settings(tmp_path)), LibraryNotFound)
    assert opened(Store.open_or_create(Settings(tmp_path))).catalog.counts() == Counts(0, 0, 0)


def test_a_damaged_catalogue_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    file.write_bytes(b"no database at all" * 100)
    assert str(file) in complaint(lambda: Store.open(Settings(tmp_path)), CatalogUnavailable)
    assert str(file) in complaint(lambda: Store.open_or_create(Settings(tmp_path)), CatalogUnavailable)
    assert file.read_bytes() == b"no database at all" * 100


def test_a_library_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    message = complaint(lambda: Store.open_or_create(Settings(tmp_path / "taken")), LibraryError)
    assert message.endswith("choose another folder with --library")
    message = complaint(lambda: Store.open_or_create(Settings(tmp_path / "taken" / "inside")), LibraryError)
    assert message.startswith(f"no library can be made at {tmp_path / 'taken' / 'inside'}: Not a directory")


def test_a_full_disk_while_the_settings_are_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_settings: Settings) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "write_initial_settings", full)
    message = complaint(lambda: Store.open_or_create(Settings(tmp_path)), LibraryError)
    assert "No space left on device" in message


def test_one_library_is_written_by_one_at_a_time_and_read_meanwhile(settings: Settings, opened: Opened) -> None:
    store = opened(Store.open_or_create(settings))
    with store.writing("index"):
        assert opened(Store.open(settings)).catalog.counts() == Counts(0, 0, 0)
        message = complaint(lambda: Store.open_or_create(settings), LibraryLocked)
        assert "`photoseek index` (process " in message
    opened(Store.open_or_create(settings))


def test_vectors_belong_to_the_model_asked_for(settings: Settings, opened: Opened) -> None:
    store = opened(Store.open_or_create(settings))
    complaint(lambda: store.model(SPEC), NothingIndexed)
    model = store.catalog.ensure_model(SPEC)
    store.catalog.apply([indexed("/photos/a.png")], model.id)
    [[match]] = store.vectors_of(store.model(SPEC)).search(ColourEmbedder().embed_texts(["red"]), 5)
    assert match.score == pytest.approx(1.0)
    other = ColourEmbedder("other@1").spec
    message = complaint(lambda: store.model(other), ModelMismatch)
    assert message.startswith("this library was indexed with colours@1, not with other@1: index again with this model")


def test_a_library_of_an_earlier_version_of_the_model_says_in_one_line_what_to_do(
    settings: Settings, opened: Opened
) -> None:
    store = opened(Store.open_or_create(settings))
    store.catalog.ensure_model(SPEC)
    later = ColourEmbedder("colours@2").spec
    message = complaint(lambda: store.model(later), ModelMismatch)
    assert message == (
        "this library was indexed with another version of colours (colours@1, now colours@2): "
        "run `photoseek index` on its folders again; nothing in it is lost"
    )
