"""From a setting to the model that judges or captions: by its form alone, with nothing loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from photoseek.library.errors import ModelUnavailable, SettingsError, UnknownModel
from photoseek.rerank.base import Captioner, Judge
from photoseek.rerank.blip import DEFAULT_CAPTIONER, DEFAULT_JUDGE, BlipCaptioner, BlipJudge
from photoseek.rerank.device import Quantisation
from photoseek.rerank.endpoint import Endpoint
from photoseek.rerank.llava import DEFAULT_MODEL, LlavaModel
from photoseek.rerank.registry import load_captioner, load_judge, load_vlm


@pytest.mark.parametrize(
    ("name", "model", "quantisation"),
    [
        ("llava", DEFAULT_MODEL, None),
        ("llava:", DEFAULT_MODEL, None),
        ("llava@4bit", DEFAULT_MODEL, "4bit"),
        ("llava:HuggingFaceTB/SmolVLM-256M-Instruct", "HuggingFaceTB/SmolVLM-256M-Instruct", None),
        ("llava:/models/my@home", "/models/my@home", None),
        ("llava:/models/my@home@8bit", "/models/my@home", "8bit"),
        ("llava:C:\\models\\llava", "C:\\models\\llava", None),
    ],
)
@pytest.mark.parametrize("load", [load_judge, load_captioner, load_vlm])
def test_llava_is_named_with_a_model_and_its_bits(
    load: Callable[[str], Judge | Captioner], name: str, model: str, quantisation: Quantisation | None
) -> None:
    loaded = load(name)
    assert isinstance(loaded, LlavaModel)
    assert (loaded._name, loaded._options.quantisation) == (model, quantisation)


def test_blip_is_one_model_to_judge_and_another_to_caption() -> None:
    judge, captioner = load_judge("blip"), load_captioner("blip")
    assert isinstance(judge, BlipJudge)
    assert isinstance(captioner, BlipCaptioner)
    assert (judge._blip.name, captioner._blip.name) == (DEFAULT_JUDGE, DEFAULT_CAPTIONER)
    named = load_judge("blip:Salesforce/blip2-itm-vit-g")
    assert isinstance(named, BlipJudge)
    assert named._blip.name == "Salesforce/blip2-itm-vit-g"


@pytest.mark.parametrize("load", [load_judge, load_captioner, load_vlm])
def test_a_url_is_a_server(load: Callable[[str], Judge | Captioner]) -> None:
    loaded = load("http://localhost:11434/v1#llava:13b")
    assert isinstance(loaded, Endpoint)
    assert loaded.spec.name == "llava:13b"
    with pytest.raises(SettingsError, match="names no model"):
        load("http://localhost:11434/v1")


@pytest.mark.parametrize("load", [load_judge, load_captioner, load_vlm])
@pytest.mark.parametrize("name", ["", "gpt-4", "LLaVA", "localhost:8000/v1#m", "ftp://h/v1#m", "regions"])
def test_any_other_name_lists_the_forms_there_are(load: Callable[[str], Judge | Captioner], name: str) -> None:
    with pytest.raises(UnknownModel, match=r"use mini, .* llava:NAME_OR_PATH, .* or http://HOST:PORT/v1#MODEL"):
        load(name)


@pytest.mark.parametrize("name", ["llava", "blip"])
def test_without_transformers_one_line_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelUnavailable, match=r"transformers is not installed .*pip install 'photoseek\[llava\]'`"):
        load_judge(name).spec  # noqa: B018


def test_naming_a_model_imports_nothing_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    for name in ("llava", "blip", "http://localhost:8000/v1#m"):
        load_judge(name)
        load_captioner(name)
