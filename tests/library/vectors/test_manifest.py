"""What a generation says of itself, when the next one is due, and the name of its folder."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.vectors.generations import model_folder_name, should_build
from photoseek.library.vectors.index_type import IndexRecipe, IvfParams
from photoseek.library.vectors.manifest import FileFacts, GenerationIdentity, GenerationManifest


@pytest.mark.parametrize(
    ("total", "newer", "due"),
    [
        (0, 0, False),
        (2_000, 2_000, False),
        (2_001, 2_001, True),
        (20_000, 2_000, False),
        (20_000, 2_001, True),
        (1_000_000, 100_000, False),
        (1_000_000, 100_001, True),
    ],
)
def test_a_build_is_due_when_the_newer_pass_both_the_floor_and_a_tenth(total: int, newer: int, due: bool) -> None:
    assert should_build(total, newer) is due


def test_the_policy_of_building_can_be_lowered() -> None:
    assert should_build(10, 3, floor=2, share=0.25)
    assert not should_build(10, 2, floor=2, share=0.1)


@given(st.text(max_size=300), st.text(max_size=300))
def test_folder_names_suit_every_file_system_and_differ_for_different_keys(first: str, second: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,57}", model_folder_name(first))
    assert (model_folder_name(first) == model_folder_name(second)) is (first == second)


def test_a_folder_name_can_be_read() -> None:
    assert model_folder_name("ViT-B-32/laion2b@0a1b:224").startswith("vit-b-32-laion2b-0a1b-224-")


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(0),
    st.datetimes(),
    st.none() | st.builds(IvfParams, *[st.integers(1)] * 3, st.floats(0, 1)),
)
def test_a_manifest_is_read_as_it_was_written(
    text: str, number: int, moment: datetime, tuning: IvfParams | None
) -> None:
    facts = FileFacts(number, number, text)
    manifest = GenerationManifest(
        identity=GenerationIdentity(text, text, number),
        count=number,
        change_seq=number,
        recipe=IndexRecipe(text),
        precision="float16",
        vectors=facts,
        index=None if tuning is None else facts,
        tuning=tuning,
        built_at=moment.replace(tzinfo=UTC),
    )
    assert GenerationManifest.from_json(manifest.to_json()) == manifest
