"""The catalogue's tables as SQLAlchemy sees them; schema.sql is the truth, a test keeps the two equal."""

from __future__ import annotations

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from .path_text import PathText

metadata = MetaData()

# SQLite's rowid alias must be declared INTEGER; elsewhere ids are 64 bits wide.
_Int = BigInteger().with_variant(Integer(), "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("id", _Int, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("schema_version", _Int, nullable=False),
    Column("library_id", Text, nullable=False),
    Column("change_seq", _Int, nullable=False),
    Column("created_at", TIMESTAMP, nullable=False),
)

images = Table(
    "images",
    metadata,
    Column("id", _Int, primary_key=True, autoincrement=True),
    Column("path", PathText, nullable=False),
    Column("root", PathText, nullable=False),
    Column("size_bytes", _Int, nullable=False),
    Column("mtime_ns", _Int, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("width", _Int, nullable=False),
    Column("height", _Int, nullable=False),
    Column("format", Text, nullable=False),
    Column("orientation", _Int, nullable=False),
    Column("taken_at", TIMESTAMP),
    Column("taken_offset_min", _Int),
    Column("camera", Text),
    Column("lens", Text),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("rating", _Int),
    Column("colours", Text, nullable=False),
    Column("perceptual_hash", _Int),
    Column("warning", Text),
    Column("sidecars", PathText, nullable=False),
    Column("missing_since", TIMESTAMP),
    Column("indexed_at", TIMESTAMP, nullable=False),
    Column("change_seq", _Int, nullable=False),
    Index("images_path", "path", unique=True),
    Index("images_content", "size_bytes", "content_hash"),
    Index("images_change_seq", "change_seq"),
    Index("images_taken_at", "taken_at"),
)

models = Table(
    "models",
    metadata,
    Column("id", _Int, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("dim", _Int, nullable=False),
    Column("created_at", TIMESTAMP, nullable=False),
    Index("models_key", "key", unique=True),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("image_id", _Int, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("model_id", _Int, ForeignKey("models.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("vector", LargeBinary, nullable=False),
    Column("change_seq", _Int, nullable=False),
    Index("embeddings_change_seq", "model_id", "change_seq"),
)

places = Table(
    "places",
    metadata,
    Column("content_hash", Text, primary_key=True),
    Column("model_id", _Int, ForeignKey("models.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("version", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

deletions = Table(
    "deletions",
    metadata,
    Column("image_id", _Int, primary_key=True, autoincrement=False),
    Column("change_seq", _Int, nullable=False),
    Index("deletions_change_seq", "change_seq"),
)

texts = Table(
    "texts",
    metadata,
    Column("id", _Int, primary_key=True, autoincrement=True),
    Column("image_id", _Int, ForeignKey("images.id", ondelete="CASCADE"), nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("language", Text),
    Column("body", Text, nullable=False),
    Column("change_seq", _Int, nullable=False),
    Index("texts_image_id", "image_id"),
    Index("texts_change_seq", "change_seq"),
)

text_embeddings = Table(
    "text_embeddings",
    metadata,
    Column("text_id", _Int, ForeignKey("texts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("model_id", _Int, ForeignKey("models.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("vector", LargeBinary, nullable=False),
    Column("change_seq", _Int, nullable=False),
    Index("text_embeddings_change_seq", "model_id", "change_seq"),
)

failures = Table(
    "failures",
    metadata,
    Column("path", PathText, primary_key=True),
    Column("root", PathText, nullable=False),
    Column("stage", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tries", _Int, nullable=False),
    Column("size_bytes", _Int, nullable=False),
    Column("mtime_ns", _Int, nullable=False),
    Column("last_tried_at", TIMESTAMP, nullable=False),
)

archives = Table(
    "archives",
    metadata,
    Column("path", PathText, primary_key=True),
    Column("size_bytes", _Int, nullable=False),
    Column("mtime_ns", _Int, nullable=False),
    Column("images", _Int, nullable=False),
)

judgements = Table(
    "judgements",
    metadata,
    Column("id", _Int, primary_key=True, autoincrement=True),
    Column("content_hash", Text, nullable=False),
    Column("judge", Text, nullable=False),
    Column("prompt_version", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("probability", Double),
    Column("mass", Double),
    Column("box_left", Double),
    Column("box_top", Double),
    Column("box_right", Double),
    Column("box_bottom", Double),
    Column("answer", Text),
    Column("judged_at", TIMESTAMP, nullable=False),
    Index("judgements_asked", "content_hash", "judge", "prompt_version", "question", unique=True),
)

generations = Table(
    "generations",
    metadata,
    Column("id", _Int, primary_key=True, autoincrement=True),
    Column("model_id", _Int, ForeignKey("models.id", ondelete="CASCADE"), nullable=False),
    Column("number", _Int, nullable=False),
    Column("count", _Int, nullable=False),
    Column("change_seq", _Int, nullable=False),
    Column("built_at", TIMESTAMP, nullable=False),
    Index("generations_number", "model_id", "number", unique=True),
)

ADDED_LATER = frozenset({places.name})
"""Tables that libraries made before lack, until something is to be written to them."""
