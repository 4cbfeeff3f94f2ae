"""Duplicates: copies of one file, images so near to one another that one is enough, and hits folded by that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from ..library.catalog.catalog import Catalog
from ..library.errors import QueryError
from ..library.types import Hit, ImageIds, ImageRecord, Vectors
from ..library.vectors.live_vectors import LiveVectors, VectorSnapshot
from .near_pairs import VectorTable, near_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

DuplicateKind: TypeAlias = Literal["exact", "near"]

SURE_SCORE = 0.99
"""Cosine from which two pictures are duplicates whatever their hashes say: with mini, none of 124,750 pairs of
different photographs passed 0.95; other models put different pictures nearer. benchmarks/duplicates.py measures it."""

LIKELY_SCORE = 0.8
"""Cosine from which two pictures are duplicates when their hashes agree, and which any two of a group have: with mini,
nine of ten copies of photographs kept it when compressed hard or halved, and more than eight when turned grey."""

MOST_HASH_BITS = 10
"""Bits of 64 in which the hashes of two copies differ at most: all those copies do, and no different photographs did
even at 12."""

MIRRORED_BITS = 0xAAAA_AAAA_AAAA_AAAA
"""The bits of a perceptual hash that a mirror turns over: those of the odd horizontal frequencies, whose cosines are
odd about the middle."""

Hashes: TypeAlias = "NDArray[np.uint64]"
"""(n,) perceptual hashes, 0 where there is none."""


@dataclass(frozen=True, slots=True)
class DuplicateOptions:
    """What counts as a duplicate. `near` takes in pictures that are alike beside files that are the same.

    `sure_score` and `likely_score` are cosines: from the first on two pictures are duplicates, from the second on they
    are when their perceptual hashes differ in `most_hash_bits` or fewer.

    Raises:
        QueryError: a score or a number of bits that cannot be.
    """

    near: bool = True
    sure_score: float = SURE_SCORE
    likely_score: float = LIKELY_SCORE
    most_hash_bits: int = MOST_HASH_BITS

    def __post_init__(self) -> None:
        for score in (self.sure_score, self.likely_score):
            if not 0 < score <= 1:
                message = f"{score} is no similarity for duplicates: choose one above 0, at most 1"
                raise QueryError(message)
        if not 0 <= self.most_hash_bits <= 64:
            message = f"{self.most_hash_bits} is no number of bits of a hash: choose one from 0 to 64"
            raise QueryError(message)

    def joins(self, one: ImageRecord, other: ImageRecord, score: float) -> bool:
        """Whether two images with this cosine between them are duplicates."""
        if one.content_hash == other.content_hash:
            return True
        if not self.near or score < min(self.likely_score, self.sure_score):
            return False
        hashes = (np.array([(image.perceptual_hash or 0) % 2**64], dtype=np.uint64) for image in (one, other))
        return bool(self.are_near(np.array([score]), *hashes)[0])

    def are_near(self, scores: Vectors, first: Hashes, second: Hashes) -> NDArray[np.bool_]:
        """Whether pictures with these cosines and perceptual hashes, 0 for none, are alike, pair by pair: all (n,)."""
        likely = (scores >= self.likely_score) & agree(first, second, self.most_hash_bits)
        return (scores >= self.sure_score) | likely


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures of which one is enough, the best first: most pixels, then oldest, then lowest id.

    `kind` is `exact` when all are the same file to the byte.
    """

    kind: DuplicateKind
    images: tuple[ImageRecord, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images, `first` with the lower id, and their cosine."""

    score: float
    first: int
    second: int


def find_duplicates(
    catalog: Catalog, vectors: LiveVectors, options: DuplicateOptions, on_progress: Callable[[int, int], None]
) -> list[DuplicateGroup]:
    """Return the groups of duplicates among the images that are there, the largest group first.

    Memory grows with the number of duplicates and, by some 50 bytes each, with that of images. `on_progress` is told
    how many images were compared, of how many.
    """
    copies = catalog.copies.exact_copies()
    first_of = {image_id: ids[0] for ids in copies for image_id in ids}
    members = {ids[0]: list(ids) for ids in copies}
    if options.near:
        seen = vectors.snapshot()
        pairs = _near_pairs(catalog, seen, options, first_of, on_progress)
        ids = sorted({image_id for pair in pairs for image_id in (pair.first, pair.second)})
        by_id = dict(zip(ids, seen.vector_of(ids), strict=True)) if ids else {}
        for group in grouped(pairs, by_id, min(options.likely_score, options.sure_score)):
            together = [
                image_id for representative in group for image_id in members.pop(representative, [representative])
            ]
            members[min(together)] = together
    records = catalog.images([image_id for group in members.values() for image_id in group])
    groups = [[records[image_id] for image_id in group if image_id in records] for group in members.values()]
    found = [_group(images) for images in groups if len(images) > 1]
    return sorted(found, key=lambda group: (-len(group.images), group.images[0].id))


def grouped(pairs: Iterable[Pair], vectors: Mapping[int, Vectors], least_score: float) -> list[list[int]]:
    """Join pairs into groups, the nearest pair first; ids ascend within a group.

    Two groups that a pair connects are joined only if every member of the one has a cosine of `least_score` or more
    to every member of the other, so that a chain of small steps, as in a film, does not become one group.

    Args:
        pairs: which images are duplicates of which.
        vectors: for each image of the pairs, (dim,) L2-normalised float32.
        least_score: cosine between any two members of a group.
    """
    group_of: dict[int, list[int]] = {}
    for pair in sorted(pairs, key=lambda pair: (-pair.score, pair.first, pair.second)):
        one = group_of.setdefault(pair.first, [pair.first])
        other = group_of.setdefault(pair.second, [pair.second])
        if one is other:
            continue
        across = (
            np.stack([vectors[image_id] for image_id in one]) @ np.stack([vectors[image_id] for image_id in other]).T
        )
        if across.min() < least_score:
            continue
        one.extend(other)
        group_of.update(dict.fromkeys(other, one))
    distinct = {id(group): group for group in group_of.values()}
    return sorted(sorted(group) for group in distinct.values() if len(group) > 1)


def _near_pairs(
    catalog: Catalog,
    vectors: VectorSnapshot,
    options: DuplicateOptions,
    first_of: Mapping[int, int],
    on_progress: Callable[[int, int], None],
) -> list[Pair]:
    """Return pairs of near pictures; of files that are the same, the first alone stands for all."""
    others = np.array([image_id for image_id, first in first_of.items() if image_id != first], dtype=np.int64)
    ids = np.setdiff1d(vectors.image_ids, others, assume_unique=True)
    table = VectorTable(ids, _hashes(catalog, ids), vectors.vector_of)
    least = min(options.likely_score, options.sure_score)
    found = near_pairs(table, least, options.are_near, on_progress)
    firsts, seconds = ids[found.first].tolist(), ids[found.second].tolist()
    return [Pair(*one) for one in zip(found.scores.tolist(), firsts, seconds, strict=True)]


def _hashes(catalog: Catalog, ids: ImageIds) -> Hashes:
    """Return the perceptual hashes of images, 0 where one has none."""
    known, values = catalog.copies.perceptual_hashes()
    hashes = np.zeros(len(ids), dtype=np.uint64)
    _, where, which = np.intersect1d(ids, known, assume_unique=True, return_indices=True)
    hashes[where] = values[which]
    return hashes


def agree(first: Hashes, second: Hashes, most_bits: int) -> NDArray[np.bool_]:
    """Whether hashes are of one picture, upright or mirrored, pair by pair; 0, of a single colour, says nothing."""
    differing = np.stack([first ^ second, first ^ second ^ np.uint64(MIRRORED_BITS)])
    bits = np.unpackbits(differing.view(np.uint8).reshape(2, len(first), 8), axis=2).sum(axis=2).min(axis=0)
    return np.asarray((first != 0) & (second != 0) & (bits <= most_bits))


def _group(images: Sequence[ImageRecord]) -> DuplicateGroup:
    best_first = sorted(images, key=lambda image: (-image.width * image.height, image.mtime_ns, image.id))
    same = len({image.content_hash for image in images}) == 1
    return DuplicateGroup("exact" if same else "near", tuple(best_first))


@dataclass(frozen=True, slots=True)
class Stack:
    """One hit and those folded under it, best first."""

    hit: Hit
    duplicates: tuple[Hit, ...] = ()

    @property
    def count(self) -> int:
        """How many hits stand here, the one that is shown among them."""
        return 1 + len(self.duplicates)


_FOLDED_AT_ONCE: Final = 256
"""Hits whose cosines to all before them are held at a time."""


def fold(hits: Sequence[Hit], vectors: Vectors, options: DuplicateOptions) -> list[Stack]:
    """Fold each hit under the first one before it that it is a duplicate of; the order of the others stays.

    Each is compared with what is shown, not with what is folded, so that chains do not grow.

    Args:
        hits: n answers, best first.
        vectors: (n, dim) L2-normalised float32, those of the hits' images in the same order.
        options: what counts as a duplicate; files that are the same do in any case.
    """
    shown: list[int] = []
    folded: dict[int, list[Hit]] = {}
    by_content: dict[str, int] = {}
    least = min(options.sure_score, options.likely_score) if options.near else np.inf
    for start in range(0, len(hits), _FOLDED_AT_ONCE):
        stop = min(start + _FOLDED_AT_ONCE, len(hits))
        scores = vectors[start:stop] @ vectors[:stop].T
        for place in range(start, stop):
            hit = hits[place]
            near = np.flatnonzero(scores[place - start, :place] >= least).tolist()
            same = by_content.get(hit.image.content_hash)
            first = next(
                (
                    one
                    for one in sorted({*near, *(() if same is None else (same,))})
                    if one in folded and options.joins(hits[one].image, hit.image, float(scores[place - start, one]))
                ),
                None,
            )
            if first is None:
                shown.append(place)
                folded[place] = []
                by_content.setdefault(hit.image.content_hash, place)
            else:
                folded[first].append(hit)
    return [Stack(hits[place], tuple(folded[place])) for place in shown]
