"""Whether a library is whole: what SQL says holds together, and what can be found is what is there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sqlalchemy as sa

from photoseek import Library

_EMBEDDED_TWICE = "SELECT image_id FROM embeddings GROUP BY image_id, model_id HAVING count(*) > 1"
_WITHOUT_VECTOR = (
    "SELECT path FROM images CROSS JOIN models WHERE missing_since IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM embeddings WHERE image_id = images.id AND model_id = models.id)"
)
_WITHOUT_IMAGE = "SELECT image_id FROM embeddings WHERE image_id NOT IN (SELECT id FROM images)"
_FROM_THE_FUTURE = (
    "SELECT id FROM images WHERE change_seq > (SELECT change_seq FROM meta)"
    " UNION SELECT image_id FROM embeddings WHERE change_seq > (SELECT change_seq FROM meta)"
)


def faults(library: Library, url: str | sa.URL | None = None) -> list[str]:
    """Return what is wrong with a library of one model, nothing when it is whole.

    Args:
        library: open, with the model it was indexed with.
        url: its database; SQLite in its folder unless given.
    """
    engine = sa.create_engine(url or f"sqlite:///{library.folder}/catalog.sqlite")
    try:
        with engine.connect() as connection:
            found = list(_in_database(connection))
            live = set(connection.execute(sa.text("SELECT path FROM images WHERE missing_since IS NULL")).scalars())
    finally:
        engine.dispose()
    answers = [str(hit.image.path) for hit in library.search("red green blue", k=len(live) + 1)] if live else []
    if len(answers) != len(set(answers)) or set(answers) != live:
        found.append(f"{len(answers)} answers to a question for all of {len(live)} images")
    return found


def _in_database(connection: sa.Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        for check in ("integrity_check", "foreign_key_check"):
            rows = [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {check}")]
            if rows not in ([], [("ok",)]):
                yield f"{check}: {rows}"
    for what, query in (
        ("embedded twice", _EMBEDDED_TWICE),
        ("without a vector", _WITHOUT_VECTOR),
        ("a vector without its image", _WITHOUT_IMAGE),
        ("changed in the future", _FROM_THE_FUTURE),
    ):
        rows = [tuple(row) for row in connection.exec_driver_sql(query)]
        if rows:
            yield f"{what}: {rows}"
    for image_id, vector in connection.exec_driver_sql("SELECT image_id, vector FROM embeddings"):
        length = float(np.linalg.norm(np.frombuffer(vector, dtype="<f2").astype(np.float32)))
        if not abs(length - 1) < 0.01 and length != 0:
            yield f"the vector of image {image_id} has length {length}"
