"""Reading a Chinese dictionary for the words of things that photographs show."""

import gzip
from pathlib import Path

import pytest

from photoseek.training.dictionary import Entry, is_held_out, seen_words
from photoseek.training.wordnet import Synset, WordNet

LINES = """# CC-CEDICT
#! version=1
狗 狗 [gou3] /dog/CL:隻|只[zhi1],條|条[tiao2]/
鋼琴 钢琴 [gang1 qin2] /piano/CL:架[jia4],臺|台[tai2]/
奔跑 奔跑 [ben1 pao3] /to run/
小狗 小狗 [xiao3 gou3] /(coll.) pup; puppy/
紅 红 [hong2] /red/popular/revolutionary/bonus/
徽縣 徽县 [Hui1 xian4] /dog (county)/
狗狗 狗狗 [gou3 gou3] /variant of 狗[gou3]/see also dog/
五角大樓 五角大楼 [wu3 jiao3 da4 lou2] /pentagon/
很長很長的狗 很长很长的狗 [hen3] /dog/
很長很長的小狗 很长很长的小狗 [hen3] /dog/
no entry at all
"""


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    path = tmp_path / "cedict.txt.gz"
    path.write_bytes(gzip.compress(LINES.encode()))
    return path


@pytest.fixture
def wordnet() -> WordNet:
    """Dogs, pups and pianos are things with classes below them."""
    found = WordNet.__new__(WordNet)
    found.synsets = {name: Synset(name, (name, f"Big {name}"), "", ()) for name in ("dog", "puppy", "piano", "county")}
    found.classes_below = dict.fromkeys(("dog", "puppy", "piano"), (1,))
    return found


def test_words_of_things_and_of_captions_are_taken(dictionary: Path, wordnet: WordNet) -> None:
    found = list(seen_words(dictionary, wordnet, ["they run by a red wall", "run, red dog", "run to the red car"]))
    assert found == [
        Entry("狗", "狗", ("dog",)),
        Entry("钢琴", "鋼琴", ("piano",)),
        Entry("奔跑", "奔跑", ("run",)),
        Entry("小狗", "小狗", ("puppy",)),
        Entry("红", "紅", ("red",)),
        Entry("很长很长的狗", "很長很長的狗", ("dog",)),
    ]


def test_words_that_captions_hardly_use_and_names_are_left_out(dictionary: Path, wordnet: WordNet) -> None:
    found = {entry.simplified for entry in seen_words(dictionary, wordnet, ["a red dog runs by the pentagon"])}
    assert found == {"狗", "钢琴", "小狗", "很长很长的狗"}


def test_all_words_for_a_thing_are_held_out_together() -> None:
    words = [f"thing {number}" for number in range(4000)]
    held = {word for word in words if is_held_out(word)}
    assert 60 <= len(held) <= 140
    [one, *_] = held
    [other, *_] = set(words) - held
    assert Entry("狗", "狗", (other, one)).is_held_out
    assert not Entry("狗", "狗", (other,)).is_held_out
