"""Names of open_clip models, and the keys that pin them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from photoseek.library.embedders.openclip.model_source import OpenClipName, file_sha256, model_key, parse


@pytest.mark.parametrize("name", ["ViT-B-32/openai", "ViT-B/32/openai"])
def test_architecture_and_tag(name: str) -> None:
    assert parse(name) == OpenClipName(name, "ViT-B-32", tag="openai")


def test_repository_of_the_hub() -> None:
    assert parse("hf-hub:laion/CLIP") == OpenClipName("hf-hub:laion/CLIP", repository="laion/CLIP")


def test_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse("local-dir:model") == OpenClipName(f"local-dir:{tmp_path / 'model'}", folder=tmp_path / "model")


def test_checkpoint_by_absolute_path_with_two_or_three_slashes(tmp_path: Path) -> None:
    (tmp_path / "w.pt").touch()
    assert parse(f"RN50/{tmp_path}/w.pt").checkpoint == tmp_path / "w.pt"
    assert parse(f"RN50//{tmp_path}/w.pt").checkpoint == tmp_path / "w.pt"


def test_checkpoint_by_relative_path_means_the_same_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.pt").touch()
    monkeypatch.chdir(tmp_path)
    found = parse("RN50//w.pt")
    monkeypatch.chdir("/")
    assert parse(found.text) == found
    assert found.checkpoint == tmp_path / "w.pt"


def test_key_changes_with_each_part_and_with_nothing_else(tmp_path: Path) -> None:
    one, same, other = tmp_path / "one.pt", tmp_path / "same.pt", tmp_path / "other.pt"
    one.write_bytes(b"weights")
    same.write_bytes(b"weights")
    other.write_bytes(b"Weights")
    key = model_key("ViT-B-32", [one], {"size": 224}, 512)
    assert model_key("ViT-B-32", [same], {"size": 224}, 512) == key
    changed = {
        model_key("ViT-B-16", [one], {"size": 224}, 512),
        model_key("ViT-B-32", [other], {"size": 224}, 512),
        model_key("ViT-B-32", [one], {"size": 256}, 512),
        model_key("ViT-B-32", [one], {"size": 224}, 768),
        model_key("ViT-B-32", [one, other], {"size": 224}, 512),
    }
    assert len(changed | {key}) == 6


def test_key_can_name_a_folder(tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    key = model_key("laion/CLIP ViT:B_32..", [tmp_path / "w"], {}, 512)
    assert key.startswith("laion-CLIP-ViT-B-32-w")
    assert key.endswith("-512d")


def test_rewritten_file_is_hashed_again(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    for content in (b"one", b"three"):
        path.write_bytes(content)
        assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_hub_blob_is_named_by_its_hash_and_not_read(tmp_path: Path) -> None:
    digest = "ab" * 32
    (tmp_path / "blobs").mkdir()
    (tmp_path / "model.bin").symlink_to(tmp_path / "blobs" / digest)
    (tmp_path / "blobs" / digest).write_bytes(b"anything")
    assert file_sha256(tmp_path / "model.bin") == digest
