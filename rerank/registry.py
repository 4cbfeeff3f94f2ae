"""From a setting to the model that judges or captions; nothing is loaded until the model is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..library.errors import UnknownModel
from .base import Captioner, Judge, VisionLanguageModel

if TYPE_CHECKING:
    from .device import Quantisation

_FORMS: Final = (
    "use mini, which is built in, llava, llava:NAME_OR_PATH, with @4bit or @8bit behind either on CUDA, blip, "
    "blip:NAME_OR_PATH, or http://HOST:PORT/v1#MODEL for a server"
)
_CANNOT_ASK: Final = "{} judges and captions, and answers no questions; use llava or a server's URL"

MINI: Final = "mini"
"""The built-in captioner and judge, which need nothing but the package."""


def load_judge(name: str) -> Judge:
    """Return the judge of a name: `mini`, `llava...`, `blip...` or a server's URL; cheap: models load at first use.

    Raises:
        UnknownModel: the name has none of the known forms.
        SettingsError: a server's URL makes no sense.
    """
    if _kind(name) == "blip":
        from .blip import DEFAULT_JUDGE, BlipJudge

        return BlipJudge(_behind(name) or DEFAULT_JUDGE)
    if name == MINI:
        from .mini_judge import MiniJudge

        return MiniJudge()
    return load_vlm(name)


def load_captioner(name: str) -> Captioner:
    """Return the captioner of a name: `mini`, `llava...`, `blip...` or a server's URL; cheap, like `load_judge`.

    Raises:
        UnknownModel: the name has none of the known forms.
        SettingsError: a server's URL makes no sense.
    """
    if _kind(name) == "blip":
        from .blip import DEFAULT_CAPTIONER, BlipCaptioner

        return BlipCaptioner(_behind(name) or DEFAULT_CAPTIONER)
    if name == MINI:
        from .mini_captioner import MiniCaptioner

        return MiniCaptioner()
    return load_vlm(name)


def load_vlm(name: str) -> VisionLanguageModel:
    """Return the model of a name that judges, captions and answers: `llava...` or a server's URL; cheap.

    Raises:
        UnknownModel: the name has none of the known forms, or its model answers no questions.
        SettingsError: a server's URL makes no sense.
    """
    kind = _kind(name)
    if kind == "endpoint":
        from .endpoint import Endpoint

        return Endpoint.at(name)
    if kind == "llava":
        from .device import RunOptions
        from .llava import DEFAULT_MODEL, LlavaModel

        model, quantisation = _quantised(_behind(name))
        return LlavaModel(model or DEFAULT_MODEL, RunOptions(quantisation=quantisation))
    silent = {"blip": "BLIP", MINI: MINI}.get(kind)
    raise UnknownModel(name, _FORMS if silent is None else _CANNOT_ASK.format(silent))


def _kind(name: str) -> str:
    if name.startswith(("http://", "https://")):
        return "endpoint"
    return name.partition(":")[0].partition("@")[0]


def _behind(name: str) -> str:
    """Return what follows the kind: `NAME_OR_PATH@4bit` of `llava:NAME_OR_PATH@4bit`, `@4bit` of `llava@4bit`."""
    return name[len(_kind(name)) :].removeprefix(":")


def _quantised(text: str) -> tuple[str, Quantisation | None]:
    if text.endswith("@4bit"):
        return text.removesuffix("@4bit"), "4bit"
    if text.endswith("@8bit"):
        return text.removesuffix("@8bit"), "8bit"
    return text, None
