"""Errors of models: embedders, judges and captioners, built in, downloaded or served."""

from __future__ import annotations

from .base import PhotoseekError


class EmbedderError(PhotoseekError):
    """A model cannot be used as asked."""


class UnknownModel(EmbedderError):
    """No embedder answers to this name."""

    def __init__(self, name: str, known: str) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"unknown model {self.name!r}: {self.known}"


class ModelUnavailable(EmbedderError):
    """The model is known, but its weights or packages cannot be had here."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(name, reason, remedy)
        self.name = name
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"model {self.name} cannot be loaded: {self.reason}; {self.remedy}"


class EndpointError(EmbedderError):
    """A server that runs a vision-language model gives no answer; `status` is HTTP's, where it came so far."""

    def __init__(self, url: str, model: str, reason: str, remedy: str, status: int | None = None) -> None:
        super().__init__(url, model, reason, remedy, status)
        self.url = url
        self.model = model
        self.reason = reason
        self.remedy = remedy
        self.status = status

    def __str__(self) -> str:
        return f"{self.url} (model {self.model}) {self.reason}; {self.remedy}"


class EndpointRefused(EndpointError):
    """The server says no: to the key, the model's name or the request; asking again changes nothing."""


class EndpointUnavailable(EndpointError):
    """The server is not reached, too slow, too busy or makes no sense; asking again later may help."""


class ModelMismatch(EmbedderError):
    """The library holds vectors of other models, none of this one."""

    def __init__(self, wanted_key: str, present_keys: tuple[str, ...]) -> None:
        super().__init__(wanted_key, present_keys)
        self.wanted_key = wanted_key
        self.present_keys = present_keys

    def __str__(self) -> str:
        present = ", ".join(self.present_keys)
        name = self.wanted_key.partition("@")[0]
        if all(key.partition("@")[0] == name for key in self.present_keys):
            return (
                f"this library was indexed with another version of {name} ({present}, now {self.wanted_key}): "
                "run `photoseek index` on its folders again; nothing in it is lost"
            )
        return (
            f"this library was indexed with {present}, not with {self.wanted_key}: "
            "index again with this model, or search with one it has (--model)"
        )


class NoVisionModel(EmbedderError):
    """No vision-language model is set up, and something was asked that needs one.

    `caption` is what the built-in captioner says of the picture that was asked about, None where it was not asked.
    """

    def __init__(self, caption: str | None = None) -> None:
        super().__init__(caption)
        self.caption = caption

    def __str__(self) -> str:
        needed = (
            "a question needs a vision-language model: pip install 'photoseek[llava]' and name one, "
            'as in --vlm llava, or vlm = "llava" in the library\'s library.toml; '
        )
        if self.caption is None:
            return f"{needed}`photoseek caption` and `photoseek describe` say without one what a picture shows"
        return f'{needed}without one there are labels (`photoseek describe`) and the built-in caption: "{self.caption}"'


class DimensionMismatch(EmbedderError):
    """A vector's length is not the one the index was built for."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return (
            f"vectors of {self.found} dimensions do not fit an index of {self.expected}: they come from another model"
        )


class NoAnswer(PhotoseekError):
    """A vision-language model was asked, and said nothing; nothing of it is kept."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model

    def __str__(self) -> str:
        return f"{self.model} gave no answer: ask again, or in other words"
