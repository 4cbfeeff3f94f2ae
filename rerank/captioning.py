"""Captions for a library's images: written batch by batch, each kept at once, so that a run may end at any moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from PIL import Image

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.catalog.conditions import Condition
from ..library.catalog.texts import TextModel
from ..library.catalog.vlm_answers import Captioned, Wanted
from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.errors import ImageUnreadable, LibraryLocked, PhotoseekError
from ..library.images.metadata.image_text import ImageText, printable
from ..library.types import ImageRecord
from .base import Captioner, CaptionStyle, Skipped
from .image_input import read_image
from .memory import Memory

logger = logging.getLogger(__name__)

_LONGEST: Final = 2_000
"""Characters kept of a caption, as of one that comes with an image (library/images/metadata/image_text.py)."""

_MOST_FAILURES: Final = 3
"""So many pictures in a row that a model fails at are no fault of the pictures."""

_RETRY_S: Final = 1.0


def _never() -> bool:
    return False


def _unheard(_done: int, _total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """How captions are written.

    `where` limits them to some images; `force` writes anew what is there. `stop` is asked between batches: once it says
    yes, the run ends with what it has. `on_progress` is told how many of how many images are done.
    """

    where: Condition | None = None
    force: bool = False
    style: CaptionStyle = field(default_factory=CaptionStyle)
    stop: Callable[[], bool] = _never
    on_progress: Callable[[int, int], None] = _unheard


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """What came of it.

    Images were `captioned` anew, `remembered` from when their content was captioned before, `unchanged` since they had
    their caption, or `failed`, and why. `interrupted` says that the run was asked to stop before its end.
    """

    captioned: int = 0
    remembered: int = 0
    unchanged: int = 0
    failed: tuple[Skipped, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Captioning:
    """What a run writes with, and into.

    `writing` holds the library for writing; it is held for a moment after each batch, and while another process holds
    it, captions wait in memory and in the cache of judgements. `pause` waits for so many seconds.
    """

    catalog: Catalog
    model: ModelRow
    embedder: Embedder
    captioner: Captioner
    writing: Callable[[], AbstractContextManager[None]]
    pause: Callable[[float], None] = time.sleep

    def caption(self, paths: Sequence[str], options: CaptionOptions) -> CaptionReport:
        """Caption the images at or below `paths`, all of them where none is given.

        Raises:
            PhotoseekError: the captioner fails at one picture after the other; what it wrote before is kept.
        """
        return _Run(self, options).over(Wanted(tuple(paths), options.where))


@dataclass(slots=True)
class _Run:
    parts: Captioning
    options: CaptionOptions
    memory: Memory = field(init=False)
    source: str = field(init=False)
    family: tuple[str, str] = field(init=False)
    pending: list[Captioned] = field(default_factory=list)
    failed: list[Skipped] = field(default_factory=list)
    captioned: int = 0
    remembered: int = 0
    failures_in_a_row: int = 0
    latest_failure: PhotoseekError | None = None

    def __post_init__(self) -> None:
        spec, style = self.parts.captioner.spec, self.options.style
        self.memory = Memory(self.parts.catalog.judgements, spec)
        self.family = (f"{spec.key} ", f" {style.name} {style.language}")
        self.source = f"{spec.key} {spec.prompt_version} {style.name} {style.language}"

    def over(self, wanted: Wanted) -> CaptionReport:
        captions = self.parts.catalog.captions
        meant = captions.wanted(wanted)
        todo = meant if self.options.force else captions.lacking(wanted, self.source, self.parts.model.id)
        size = max(1, self.parts.captioner.spec.batch_size)
        interrupted = False
        try:
            for start in range(0, len(todo), size):
                if interrupted := self.options.stop():
                    break
                self._batch(todo[start : start + size])
                self.options.on_progress(min(start + size, len(todo)), len(todo))
        finally:
            interrupted = not self._write_at_last() or interrupted
        if self.latest_failure is not None and not self.captioned:
            raise self.latest_failure  # it never worked: not the pictures' fault, few as they may be
        return CaptionReport(self.captioned, self.remembered, len(meant) - len(todo), tuple(self.failed), interrupted)

    def _batch(self, image_ids: Sequence[int]) -> None:
        records = self.parts.catalog.images(image_ids)
        images = [records[image_id] for image_id in image_ids if image_id in records]  # the others have just gone
        known = {} if self.options.force else self._known(images)
        new = dict(self._captions([image for image in images if image.id not in known]))
        self.memory.keep_answers(
            "caption", self._style, {image.content_hash: new[image.id] for image in images if image.id in new}
        )
        self.captioned += len(new)
        self.remembered += len(known)
        for image in images:
            body = known.get(image.id) or new.get(image.id)
            if body is not None:
                text = ImageText(self.source, "caption", body, self.options.style.language)
                self.pending.append(Captioned(image.id, image.content_hash, text))
        try:
            self._write()
        except LibraryLocked as error:
            logger.info("captions are written later: %s", error)

    def _known(self, images: Sequence[ImageRecord]) -> dict[int, str]:
        """Return captions by image id that are there, but have no vector in this model, or are a copy's."""
        said = self.memory.answers("caption", self._style, [image.content_hash for image in images])
        written = self.parts.catalog.captions.written(self.source, [image.id for image in images])
        return {image.id: said[image.content_hash] for image in images if image.content_hash in said} | written

    def _captions(self, images: Sequence[ImageRecord]) -> Iterator[tuple[int, str]]:
        side_px = self.parts.captioner.spec.side_px
        pictures: list[tuple[ImageRecord, Image.Image]] = []
        for image in images:
            try:
                pictures.append((image, read_image(str(image.path), side_px, image.content_hash)[0]))
            except ImageUnreadable as error:
                self.failed.append(Skipped(image, error.reason))
        for image, said in self._said(pictures):
            body = printable(said or "")[:_LONGEST].rstrip()
            if body:
                yield image.id, body
            else:
                self.failed.append(Skipped(image, "the model said nothing of it"))

    def _said(self, pictures: Sequence[tuple[ImageRecord, Image.Image]]) -> Iterator[tuple[ImageRecord, str]]:
        """Caption pictures together; where that fails, one by one, so that one of them spoils no other."""
        if not pictures:
            return
        captioner, style = self.parts.captioner, self.options.style
        try:
            said = captioner.caption([picture for _, picture in pictures], style)
        except PhotoseekError as error:
            if len(pictures) > 1:
                for one in pictures:
                    yield from self._said([one])
                return
            self.latest_failure = error
            self.failures_in_a_row += 1
            if self.failures_in_a_row >= _MOST_FAILURES:
                raise
            self.failed.append(Skipped(pictures[0][0], str(error)))
            return
        self.failures_in_a_row = 0
        yield from zip([image for image, _ in pictures], said, strict=True)

    def _write(self) -> None:
        """Write what is pending in one transaction.

        Raises:
            LibraryLocked: another process is writing; it stays pending.
        """
        if not self.pending:
            return
        bodies = list(dict.fromkeys(one.text.body for one in self.pending))
        vectors = dict(zip(bodies, embed_queries(self.parts.embedder, bodies), strict=True))
        with self.parts.writing():
            self.parts.catalog.captions.add(self.pending, self.family, TextModel(self.parts.model.id, vectors))
        self.pending = []

    def _write_at_last(self) -> bool:
        """Write what is pending, waiting for whoever else writes; false where the run is asked to stop before."""
        while True:
            try:
                self._write()
            except LibraryLocked:
                if self.options.stop():
                    return False
                self.parts.pause(_RETRY_S)
            else:
                return True

    @property
    def _style(self) -> str:
        return f"{self.options.style.name} {self.options.style.language}"
