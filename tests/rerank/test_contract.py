"""What every judge and captioner promises, whichever it is: the built-in one, BLIP, LLaVA, a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import photoseek
from photoseek.library.embedders.mini import MiniEmbedder
from photoseek.rerank.base import Captioner, CaptionStyle, Judge
from photoseek.rerank.endpoint import Endpoint, EndpointLimits, EndpointName
from photoseek.rerank.mini_captioner import MiniCaptioner
from photoseek.rerank.mini_judge import MiniJudge
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.scripted_server import said, scripted

QUERY = "a red dog on the beach"
COLOURS = ("red", "blue", "green")


@dataclass(frozen=True)
class Pair:
    """A judge and a captioner of one kind."""

    judge: Judge
    captioner: Captioner


def _mini(_folder: Path, _stack: ExitStack) -> Pair:
    embedder = MiniEmbedder(threads=1)
    return Pair(MiniJudge(embedder), MiniCaptioner(embedder))


def _blip(folder: Path, _stack: ExitStack) -> Pair:
    from photoseek.rerank.blip import BlipCaptioner, BlipJudge
    from photoseek.rerank.device import RunOptions
    from photoseek.tests.support.tiny_blips import tiny_blip_captioner, tiny_blip_judge  # they skip without torch

    options = RunOptions(device="cpu", batch_size=2)
    judge, captioner = tiny_blip_judge(folder / "judge"), tiny_blip_captioner(folder / "captioner")
    return Pair(BlipJudge(str(judge), options), BlipCaptioner(str(captioner), options))


def _llava(folder: Path, _stack: ExitStack) -> Pair:
    from photoseek.rerank.device import RunOptions
    from photoseek.rerank.llava import LlavaModel
    from photoseek.tests.support.tiny_vlms import tiny_llava  # it skips without torch

    model = LlavaModel(str(tiny_llava(folder)), RunOptions(device="cpu", batch_size=2))
    return Pair(model, model)


def _server(_folder: Path, stack: ExitStack) -> Pair:
    server = stack.enter_context(scripted(said("Yes", {"Yes": 0.6, "No": 0.2})))
    model = Endpoint(EndpointName(server.url, "tiny", EndpointLimits()), None)
    return Pair(model, model)


KINDS: dict[str, Callable[[Path, ExitStack], Pair]] = {"mini": _mini, "blip": _blip, "llava": _llava, "server": _server}


@pytest.fixture(scope="module", params=list(KINDS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield KINDS[request.param](tmp_path_factory.mktemp(request.param), stack)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    photographs = [Image.fromarray(one).convert("RGB") for one in (data.astronaut(), data.chelsea(), data.coffee())]
    return [*photographs, Image.new("RGB", (3, 3), "red"), Image.new("RGB", (900, 40), "blue")]


def test_its_identity_is_complete_and_stays(pair: Pair) -> None:
    for model in (pair.judge, pair.captioner):
        spec = model.spec
        assert spec == model.spec
        assert spec.key
        assert spec.name
        assert spec.device
        assert spec.batch_size >= 1
        assert 0.0 <= spec.usual_weight <= 1.0


def test_every_picture_gets_one_judgement_in_order(pair: Pair, pictures: list[Image.Image]) -> None:
    together = pair.judge.judge(pictures, QUERY)
    assert len(together) == len(pictures)
    assert all(one.is_valid for one in together)
    alone = [pair.judge.judge([picture], QUERY)[0].probability for picture in pictures]
    assert [one.probability for one in together] == pytest.approx(alone, abs=0.02)


def test_every_picture_gets_its_own_caption_in_order(pair: Pair, pictures: list[Image.Image]) -> None:
    captions = pair.captioner.caption(pictures, CaptionStyle())
    assert len(captions) == len(pictures)
    assert captions == [pair.captioner.caption([picture], CaptionStyle())[0] for picture in pictures]


def test_no_pictures_are_no_trouble(pair: Pair) -> None:
    assert pair.judge.judge([], QUERY) == []
    assert pair.captioner.caption([], CaptionStyle()) == []


@pytest.mark.parametrize("query", ["dog", "狗在海滩上奔跑", '"; DROP TABLE', "very " * 200 + "long"])
def test_any_words_can_be_asked(pair: Pair, pictures: list[Image.Image], query: str) -> None:
    [judgement] = pair.judge.judge(pictures[:1], query)
    assert judgement.is_valid


def test_a_library_is_reranked_with_it_once_and_then_from_memory(pair: Pair, tmp_path: Path) -> None:
    for colour in COLOURS:
        paint(tmp_path / "photos" / f"{colour}.png", colour)
    with photoseek.open(tmp_path / "library", model=ColourEmbedder(), judge=pair.judge) as library:
        library.index(tmp_path / "photos")
        *_, first = library.refine("red")
        assert (first.judged_count, first.cached_count, first.trouble) == (len(COLOURS), 0, None)
        *_, again = library.refine("red")
        assert (again.judged_count, again.cached_count) == (len(COLOURS), len(COLOURS))
        assert [one.hit.image.id for one in again.hits] == [one.hit.image.id for one in first.hits]
