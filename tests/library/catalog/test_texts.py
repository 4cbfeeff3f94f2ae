"""The words about images are written with them, embedded once, and replaced when they change."""

from __future__ import annotations

import pytest

from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.changes import Indexed, Relocated, Vanished
from photoseek.library.catalog.conditions import TextContains
from photoseek.library.images.metadata.image_text import ImageText, Sidecar
from photoseek.tests.support.changes import BLUE, GREEN, RED, file, indexed, vector
from photoseek.tests.support.fakes import ColourEmbedder

VECTORS = {"red dog": vector(RED), "green": vector(GREEN), "blue": vector(BLUE)}
CAPTION, GREEN_WORD = ImageText("xmp", "caption", "red dog"), ImageText("sidecar", "keyword", "green", "en")
BLUE_WORD = ImageText("sidecar", "keyword", "blue")


def told(path: str, *texts: ImageText, known: int | None = None, content_changed: bool = False) -> Indexed:
    plain = indexed(path, known=known, content_changed=content_changed)
    return Indexed(plain.file, plain.facts, plain.vector, known, content_changed=content_changed, texts=texts)


def retold(image_id: int, path: str, *texts: ImageText, rating: int | None = None) -> Relocated:
    return Relocated(image_id, file(path), Sidecar(texts, rating))


def vectors(catalog: Catalog, model: ModelRow) -> dict[str, list[float]]:
    """Every text vector of a model, by the text's words."""
    found: dict[str, list[float]] = {}
    for chunk in catalog.texts.chunks(model.id, model.dim):
        texts = catalog.texts.by_id([int(text_id) for text_id in chunk.text_ids])
        found |= {texts[int(i)].body: v.tolist() for i, v in zip(chunk.text_ids, chunk.vectors, strict=True)}
    return found


@pytest.fixture
def image_id(catalog: Catalog, model: ModelRow) -> int:
    """An image with a caption of its own and a keyword beside it."""
    catalog.apply([told("/photos/a.png", CAPTION, GREEN_WORD)], model.id, VECTORS)
    [row] = catalog.planning.known_files("/photos", model.id)
    return row.image_id


def test_texts_are_written_with_their_image_and_their_vectors(catalog: Catalog, model: ModelRow, image_id: int) -> None:
    assert catalog.texts.of([image_id, 999]) == {image_id: (CAPTION, GREEN_WORD)}
    assert vectors(catalog, model) == {"red dog": list(RED), "green": list(GREEN)}
    assert catalog.texts.count_vectors(model.id) == 2


def test_a_changed_sidecar_replaces_its_own_words_alone(catalog: Catalog, model: ModelRow, image_id: int) -> None:
    catalog.apply([retold(image_id, "/photos/a.png", BLUE_WORD, rating=4)], model.id, VECTORS)
    assert catalog.texts.of([image_id])[image_id] == (CAPTION, BLUE_WORD)
    assert vectors(catalog, model) == {"red dog": list(RED), "blue": list(BLUE)}
    assert catalog.images([image_id])[image_id].rating == 4


def test_a_touched_file_keeps_all_its_words(catalog: Catalog, model: ModelRow, image_id: int) -> None:
    catalog.apply([Relocated(image_id, file("/photos/b.png"))], model.id)
    assert catalog.texts.of([image_id])[image_id] == (CAPTION, GREEN_WORD)
    assert vectors(catalog, model) == {"red dog": list(RED), "green": list(GREEN)}


def test_another_picture_in_the_same_file_has_its_own_words(catalog: Catalog, model: ModelRow, image_id: int) -> None:
    catalog.apply([told("/photos/a.png", BLUE_WORD, known=image_id, content_changed=True)], model.id, VECTORS)
    assert catalog.texts.of([image_id])[image_id] == (BLUE_WORD,)


def test_a_second_model_embeds_the_same_words_again(catalog: Catalog, model: ModelRow, image_id: int) -> None:
    other = catalog.ensure_model(ColourEmbedder("other@1").spec)
    catalog.apply([told("/photos/a.png", CAPTION, GREEN_WORD, known=image_id)], other.id, VECTORS)
    assert vectors(catalog, model) == vectors(catalog, other) == {"red dog": list(RED), "green": list(GREEN)}
    assert len(catalog.texts.of([image_id])[image_id]) == 2


def test_texts_of_missing_images_are_not_searched(catalog: Catalog, model: ModelRow, image_id: int) -> None:
    catalog.apply([Vanished(image_id)], model.id)
    assert (vectors(catalog, model), catalog.texts.count_vectors(model.id)) == ({}, 0)


def test_the_pictures_own_vectors_are_not_told_to_have_changed_by_words(
    catalog: Catalog, model: ModelRow, image_id: int
) -> None:
    seen = catalog.meta().change_seq
    catalog.apply([retold(image_id, "/photos/a.png", BLUE_WORD)], model.id, VECTORS)
    assert catalog.vector_changes(model.id, model.dim, seen).touched.tolist() == []


def test_a_copy_is_told_the_words_inside_the_file(catalog: Catalog, model: ModelRow, image_id: int) -> None:
    [row] = catalog.planning.known_files("/photos", model.id)
    [content] = catalog.planning.find_content(row.size_bytes, row.content_hash, model.id)
    assert content.texts == (CAPTION,)


def test_a_thousand_images_with_words_are_written_at_once(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([told(f"/photos/{number}.png", CAPTION, GREEN_WORD) for number in range(1_000)], model.id, VECTORS)
    assert catalog.texts.count_vectors(model.id) == 2_000
    ids = [row.image_id for row in catalog.planning.known_files("/photos", model.id)]
    assert set(catalog.texts.of(ids).values()) == {(CAPTION, GREEN_WORD)}


@pytest.mark.parametrize("between", ["\t", "\n", " ", "/", '"'])
def test_words_are_found_whole_whatever_stands_between_them(
    catalog: Catalog, model: ModelRow, image_id: int, between: str
) -> None:
    body = f"Harbour{between}quay"
    catalog.apply(
        [retold(image_id, "/photos/a.png", ImageText("sidecar", "caption", body))], model.id, {body: vector(RED)}
    )
    assert catalog.matching_ids(TextContains(("quay", "harbour"))).tolist() == [image_id]
    assert catalog.matching_ids(TextContains(("harb",))).tolist() == []
