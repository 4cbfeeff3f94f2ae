"""Checks of vectors: the numbers in SQL, and the files built from them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

import numpy as np
import sqlalchemy as sa

from ..catalog import tables
from ..catalog.catalog import ModelRow
from ..catalog.vector_codec import batched
from ..errors import IndexWriteFailed
from ..types import ImageIds
from ..vectors.generations import Generation, Generations, should_build
from ..vectors.index import VectorIndex
from .base import CheckContext, Finding, counted

# Rounding to float16 changes a length by a thousandth at most; a model that did not normalise is far off.
_LENGTH_TOLERANCE = 0.01
_PAGE_ROWS = 5_000


def check_stored_vectors(patient: CheckContext) -> Iterator[Finding]:
    """Every vector has its model's dimension, finite numbers and length 1; others are deleted, to be made again."""
    for model in patient.store.catalog.models():
        for table, key in ((tables.embeddings, "image_id"), (tables.text_embeddings, "text_id")):
            bad = [number for number, blob in _stored(patient, table, key, model.id) if _is_bad(blob, model.dim)]
            if not bad:
                continue
            if patient.repair:
                for part in batched(bad):
                    _delete(patient, table, table.c[key].in_(part) & (table.c.model_id == model.id), model.id)
            else:
                patient.unsound.add(model.id)
            detail = f"{counted(len(bad), 'vector')} of {model.name} in {table.name} with wrong numbers"
            advice = "deleted, `photoseek index` makes them again" if patient.repair else "--repair deletes them"
            yield Finding("vectors", f"{detail}: {advice}", patient.repair)


def check_generations(patient: CheckContext) -> Iterator[Finding]:
    """Each model's vector file is whole and says what SQL says; otherwise it is built again."""
    for model in patient.store.catalog.models():
        reason = _fault(patient, model)
        if reason is not None:
            detail, repaired = f"the vector file of {model.name} {reason}", False
            if patient.repair and model.id not in patient.unsound:
                try:
                    patient.store.vectors_of(model).publish()
                    repaired = True
                except IndexWriteFailed as error:
                    detail = f"{detail}; {error}"
            yield Finding("generations", detail, repaired)
            continue
        newest = patient.store.generations_of(model).newest()  # whole, as was just seen
        if newest is not None and patient.store.catalog.generation_number(model.id) != newest.number:
            if patient.repair:
                manifest = newest.manifest
                patient.store.catalog.record_generation(model.id, newest.number, manifest.count, manifest.change_seq)
            detail = f"the vector file of {model.name} is whole, but not on record"
            yield Finding("generations", detail, patient.repair, harmless=True)


def check_stray_files(patient: CheckContext) -> Iterator[Finding]:
    """Beside the newest vector files lie no older ones, no halves, and none of unknown models."""
    store = patient.store
    strays = store.orphaned_vectors()
    for model in store.catalog.models():
        generations = store.generations_of(model)
        newest = generations.newest()
        if newest is not None:
            strays += generations.strays(newest.number)
        elif not _is_wanted(patient, model):
            # Of another library, or damaged, and too few vectors for a new one: every search would note it.
            strays += generations.strays(None)
    for path in strays:
        if patient.repair:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        yield Finding("stray files", f"{path} serves nothing", patient.repair, harmless=True)


def _stored(patient: CheckContext, table: sa.Table, owner_id: str, model_id: int) -> Iterator[tuple[int, bytes]]:
    column = table.c[owner_id]
    query = sa.select(column, table.c.vector).where(table.c.model_id == model_id).order_by(column).limit(_PAGE_ROWS)
    after = 0
    while True:
        with patient.database.reading() as connection:
            page = connection.execute(query.where(column > after)).all()
        if not page:
            return
        yield from ((number, bytes(blob)) for number, blob in page)
        after = page[-1][0]


def _delete(patient: CheckContext, table: sa.Table, which: sa.ColumnElement[bool], model_id: int) -> None:
    """Delete vectors of `table`, and those of their images, without which an image is read again with all its words."""
    images, embeddings, texts = tables.images, tables.embeddings, tables.texts
    owners = sa.select(table.c.image_id).where(which) if table is embeddings else _owners_of_texts(table, texts, which)
    with patient.database.writing() as (connection, change_seq):
        image_ids = list(connection.execute(owners).scalars())
        connection.execute(sa.delete(table).where(which))
        for part in batched(image_ids):
            of_images = embeddings.c.image_id.in_(part) & (embeddings.c.model_id == model_id)
            connection.execute(sa.delete(embeddings).where(of_images))
            connection.execute(sa.update(images).where(images.c.id.in_(part)).values(change_seq=change_seq))


def _owners_of_texts(table: sa.Table, texts: sa.Table, which: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
    return sa.select(texts.c.image_id).join(table, table.c.text_id == texts.c.id).where(which).distinct()


def _is_bad(blob: bytes, dim: int) -> bool:
    if len(blob) != 2 * dim:
        return True
    vector = np.frombuffer(blob, dtype="<f2").astype(np.float64)
    return not abs(float(np.linalg.norm(vector)) - 1.0) <= _LENGTH_TOLERANCE  # a length that is no number fails too


def _whole(generations: Generations) -> Generation | None:
    """Return the newest generation if every byte of it is as it was written."""
    newest = generations.newest()
    return None if newest is None or newest.number in generations.damage() else newest


def _is_wanted(patient: CheckContext, model: ModelRow) -> bool:
    """Whether there should be a generation: there was one, or there are enough vectors for one."""
    total = patient.store.catalog.count_vectors(model.id)
    return bool(patient.store.catalog.generation_number(model.id)) or should_build(total, total)


def _fault(patient: CheckContext, model: ModelRow) -> str | None:
    """Say why the newest generation of `model` will not do; None when it does, or when none is called for."""
    catalog = patient.store.catalog
    newest = _whole(patient.store.generations_of(model))
    recorded = catalog.generation_number(model.id)
    if newest is None or newest.number < recorded:
        return "is missing or damaged" if _is_wanted(patient, model) else None
    if newest.manifest.change_seq > catalog.meta().change_seq:
        return "was built from a later state of the catalogue than this one"
    if model.id in patient.unsound:
        return None  # what it should hold cannot be told yet
    return None if _holds_what_sql_has(patient, model, newest) else "does not hold what the catalogue has"


def _holds_what_sql_has(patient: CheckContext, model: ModelRow, newest: Generation) -> bool:
    """Whether all its vectors are either in SQL as they were or known to have changed, and none of SQL's lack."""
    catalog, index = patient.store.catalog, newest.load()
    touched = catalog.vector_changes(model.id, model.dim, newest.manifest.change_seq).touched
    held = len(_held(index, touched))
    for ids, _ in catalog.vector_chunks(model.id, model.dim):
        unchanged = np.setdiff1d(ids, touched, assume_unique=True)
        if len(_held(index, unchanged)) < len(unchanged):
            return False
        held += len(unchanged)
    return held == len(index)


def _held(index: VectorIndex, image_ids: ImageIds) -> Sequence[int]:
    """Return those of `image_ids` that `index` has, halving the question where it has not all."""
    if not len(image_ids):
        return []
    try:
        index.vector_of(image_ids)
    except KeyError:
        if len(image_ids) == 1:
            return []
        middle = len(image_ids) // 2
        return [*_held(index, image_ids[:middle]), *_held(index, image_ids[middle:])]
    return [int(image_id) for image_id in image_ids]
