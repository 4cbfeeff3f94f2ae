"""What vision-language models are asked: named, versioned templates, since an answer belongs to its question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ..library.errors import QueryError
from .base import CaptionStyle

DEFAULT_JUDGING: Final = "vqascore"

_LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ar": "Arabic",
        "bn": "Bengali",
        "cs": "Czech",
        "da": "Danish",
        "de": "German",
        "el": "Greek",
        "en": "English",
        "es": "Spanish",
        "fa": "Persian",
        "fi": "Finnish",
        "fr": "French",
        "he": "Hebrew",
        "hi": "Hindi",
        "hu": "Hungarian",
        "id": "Indonesian",
        "it": "Italian",
        "ja": "Japanese",
        "ko": "Korean",
        "nb": "Norwegian",
        "nl": "Dutch",
        "no": "Norwegian",
        "pl": "Polish",
        "pt": "Portuguese",
        "ro": "Romanian",
        "ru": "Russian",
        "sv": "Swedish",
        "th": "Thai",
        "tr": "Turkish",
        "uk": "Ukrainian",
        "vi": "Vietnamese",
        "zh": "Chinese",
    }
)
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Template:
    """A question with a gap. A changed wording is a new `version`: `key` is what cached answers are kept under."""

    name: str
    version: int
    wording: str

    @property
    def key(self) -> str:
        """Name and version in one word."""
        return f"{self.name}-{self.version}"


# A negative ("--not people") is judged with the same question: a yes is the veto, and the answer that the cache holds
# of "people" serves both sides.
JUDGING: Final[Mapping[str, Template]] = MappingProxyType(
    {
        template.name: template
        for template in (
            # Lin et al. 2024, "Evaluating Text-to-Visual Generation with Image-to-Text Generation", section 3.
            Template("vqascore", 1, 'Does this figure show "{query}"? Please answer yes or no.'),
            # Vendrow et al. 2024, "INQUIRE: A Natural World Text-to-Image Retrieval Benchmark", appendix on reranking.
            Template(
                "inquire",
                1,
                'Does this picture show {query}? Answer the question with either "Yes" or "No" and nothing else.',
            ),
        )
    }
)

_OPENINGS: Final = 'Never begin with "This image shows", "The picture depicts" or the like.'

CAPTIONING: Final[Mapping[str, Template]] = MappingProxyType(
    {
        template.name: template
        for template in (
            Template(
                "caption",
                1,
                "Describe this picture in one or two short, factual sentences: who or what is in it, what happens, "
                f"and where. Say only what can be seen. {_OPENINGS}{{language}}",
            ),
            Template(
                "alt-text",
                1,
                "Write the alternative text of this picture for somebody who cannot see it: one plain sentence of at "
                f"most 25 words, the most important thing first. Quote text that can be read in it. {_OPENINGS}"
                "{language}",
            ),
        )
    }
)


def judging_template(name: str = DEFAULT_JUDGING) -> Template:
    """Return the judging template of a name.

    Raises:
        QueryError: there is none.
    """
    if name not in JUDGING:
        raise QueryError(f"no judging prompt named {name!r}: choose one of {', '.join(JUDGING)}")
    return JUDGING[name]


def judging_prompt(template: Template, query: str) -> str:
    """Ask of a picture whether it shows `query`; double quotes in it become single ones, and line ends spaces."""
    return template.wording.format(query=" ".join(query.replace('"', "'").split()))


def caption_prompt(style: CaptionStyle) -> str:
    """Ask for a caption in a style and language.

    Raises:
        QueryError: there is no such style, or the language is no BCP 47 tag.
    """
    if style.name not in CAPTIONING:
        raise QueryError(f"no caption style named {style.name!r}: choose one of {', '.join(CAPTIONING)}")
    language = language_name(style.language)
    return CAPTIONING[style.name].wording.format(language="" if language == "English" else f" Write in {language}.")


def language_name(tag: str) -> str:
    """Name the language of a BCP 47 tag in English; of a rare one, the tag itself, which models know too.

    Raises:
        QueryError: it is no such tag.
    """
    if not _LANGUAGE_TAG.fullmatch(tag):
        raise QueryError(f"{tag!r} is no language: give a tag such as en, de or pt-BR")
    language, _, region = tag.partition("-")
    known = _LANGUAGES.get(language.lower())
    if known is None:
        return f"the language {tag}"
    return f"{known} ({tag})" if region and known != "English" else known


def prompts_key(judging: Template) -> str:
    """Pin every wording that a model of this judging template may be asked, for its key."""
    return "+".join([judging.key, *(template.key for template in CAPTIONING.values())])
