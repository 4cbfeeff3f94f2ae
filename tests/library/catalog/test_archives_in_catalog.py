"""The catalogue says whether an archive need be opened, and which pictures were kept though damaged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.changes import ArchiveListed, Indexed, Vanished
from photoseek.library.images.sources import FileState
from photoseek.library.types import Damage
from photoseek.tests.support.changes import add, failed, file, indexed, relocated
from photoseek.tests.support.fakes import ColourEmbedder

ARCHIVE = file("/photos/a.zip!", size_bytes=900, mtime_ns=1)
MEMBERS = ("/photos/a.zip!/1.png", "/photos/a.zip!/in/2.png")


def is_intact(catalog: Catalog, model: ModelRow, archive: FileState = ARCHIVE, *, retry_failed: bool = False) -> bool:
    return catalog.planning.is_archive_intact(archive, model.id, retry_failed=retry_failed)


@pytest.fixture
def ids(catalog: Catalog, model: ModelRow) -> list[int]:
    """The images of an archive that lists two, beside others that are not in it."""
    add(catalog, model, "/photos/a.zip!.png", "/photos/a.zip0.png", "/photos/a.zip/3.png")
    catalog.apply([ArchiveListed(ARCHIVE, 2)], model.id)
    return add(catalog, model, *MEMBERS)[-2:]


def test_an_archive_is_intact_once_all_its_images_are_known(catalog: Catalog, model: ModelRow) -> None:
    assert not is_intact(catalog, model)
    catalog.apply([ArchiveListed(ARCHIVE, 2)], model.id)
    assert not is_intact(catalog, model)
    add(catalog, model, MEMBERS[0])
    assert not is_intact(catalog, model)
    add(catalog, model, MEMBERS[1])
    assert is_intact(catalog, model)


def test_images_that_fail_are_known_too_unless_they_are_to_be_retried(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([ArchiveListed(ARCHIVE, 2), indexed(MEMBERS[0]), failed(MEMBERS[1])], model.id)
    assert is_intact(catalog, model)
    assert not is_intact(catalog, model, retry_failed=True)


def test_a_damaged_archive_is_known_as_it_is_unless_it_is_to_be_retried(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([failed(ARCHIVE.path), ArchiveListed(ARCHIVE, 0)], model.id)
    assert is_intact(catalog, model)
    assert not is_intact(catalog, model, retry_failed=True)


def test_another_size_or_date_is_another_archive(catalog: Catalog, model: ModelRow, ids: list[int]) -> None:
    assert is_intact(catalog, model)
    assert not is_intact(catalog, model, replace(ARCHIVE, size_bytes=901))
    assert not is_intact(catalog, model, replace(ARCHIVE, mtime_ns=2))
    assert not is_intact(catalog, model, replace(ARCHIVE, path="/photos/b.zip!"))
    catalog.apply([ArchiveListed(replace(ARCHIVE, mtime_ns=2), 2)], model.id)
    assert not is_intact(catalog, model, replace(ARCHIVE, mtime_ns=2))  # its images are of the older one
    catalog.apply([relocated(i, path, mtime_ns=2) for i, path in zip(ids, MEMBERS, strict=True)], model.id)
    assert is_intact(catalog, model, replace(ARCHIVE, mtime_ns=2))


def test_a_missing_image_opens_the_archive_again(catalog: Catalog, model: ModelRow, ids: list[int]) -> None:
    catalog.apply([Vanished(ids[0])], model.id)
    assert not is_intact(catalog, model)


def test_an_archive_is_intact_in_the_model_that_has_embedded_it(
    catalog: Catalog, model: ModelRow, ids: list[int]
) -> None:
    assert is_intact(catalog, model)
    assert not is_intact(catalog, catalog.ensure_model(ColourEmbedder("other@1").spec))


def test_damaged_pictures_that_are_there_are_listed_by_path(catalog: Catalog, model: ModelRow) -> None:
    def damaged(path: str) -> Indexed:
        whole = indexed(path)
        return replace(whole, facts=replace(whole.facts, warning=f"truncated: {path}"))

    catalog.apply([damaged("/photos/b.jpg"), damaged("/photos/a.jpg"), damaged("/photos/c.jpg")], model.id)
    add(catalog, model, "/photos/d.jpg")
    [gone] = [row.image_id for row in catalog.planning.known_files("/photos/c.jpg", model.id)]
    catalog.apply([Vanished(gone)], model.id)
    assert catalog.damages() == [
        Damage("/photos/a.jpg", "truncated: /photos/a.jpg"),
        Damage("/photos/b.jpg", "truncated: /photos/b.jpg"),
    ]
