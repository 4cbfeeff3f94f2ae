"""Loading of models' files: one way for all of them, and one line for each that is broken."""

from pathlib import Path

import pytest

from photoseek.library.embedders.mini import WEIGHTS
from photoseek.library.embedders.onnx_files import SessionSettings, load_session, load_tokenizer, reading
from photoseek.library.errors import ModelUnavailable
from photoseek.tests.support.source_tree import package_sources

HEAD = WEIGHTS / "image_head.onnx"


def refused(reason: str) -> ModelUnavailable:
    return ModelUnavailable("other", reason, "make it again")


def test_settings_reach_the_session() -> None:
    for settings in (None, SessionSettings(threads=2), SessionSettings(optimized="none", prepacked=False)):
        wanted = settings or SessionSettings()
        options = load_session(HEAD, settings).get_session_options()
        assert options.intra_op_num_threads == wanted.threads
        assert (
            options.graph_optimization_level.name
            == {"all": "ORT_ENABLE_ALL", "none": "ORT_DISABLE_ALL"}[wanted.optimized]
        )


def test_a_graph_that_is_none_is_told_in_one_line_of_the_model_it_belongs_to(tmp_path: Path) -> None:
    path = tmp_path / "tower.onnx"
    for content in (None, b"", b"\x00nonsense"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(
            ModelUnavailable, match=r"tower\.onnx cannot be loaded \(.+\).*reinstall photoseek"
        ) as caught:
            load_session(path)
        assert "\n" not in str(caught.value)
        with pytest.raises(ModelUnavailable, match=r"other .*tower\.onnx cannot be loaded.*make it again"):
            load_session(path, refuse=refused)


def test_a_tokenizer_neither_pads_nor_cuts() -> None:
    tokenizer = load_tokenizer(WEIGHTS / "tokenizer.json")
    assert len(tokenizer.encode("a dog " * 200).ids) > 400
    assert len(tokenizer.encode("a dog").ids) == 4


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("no JSON"), TypeError("no field x"), KeyError("field")])
def test_what_goes_wrong_in_reading_is_one_line(error: Exception) -> None:
    with (
        pytest.raises(ModelUnavailable, match=r"/m/manifest\.json cannot be read") as caught,
        reading(Path("/m/manifest.json")),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_mistakes_of_our_own_are_not_taken_for_damage() -> None:
    with pytest.raises(ZeroDivisionError), reading(Path("/m/manifest.json")):
        raise ZeroDivisionError


def test_sessions_are_made_in_one_place() -> None:
    makers = {module for module, path in package_sources().items() if "InferenceSession(" in path.read_text("utf-8")}
    assert makers == {
        "library.embedders.onnx_files",
        "library.embedders.openclip.export",  # has ONNX Runtime write a graph, and runs none
    }
