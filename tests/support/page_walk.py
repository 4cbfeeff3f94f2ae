"""A walk through every page of a library, every control on them used; also as a process of a user who may not write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import photoseek
from photoseek.tests.support.fakes import ColourEmbedder
from photoseek.tests.support.judges import ColourJudge
from photoseek.ui import resources as shared
from photoseek.ui.options import UiOptions
from photoseek.ui.picture_facts import facts_of_picture
from photoseek.ui.resources import Resources

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

QUERIES = b'{"query": "blue", "relevant": ["blue.png"]}\n{"query": "red", "relevant": ["red.png", "rose.png"]}'


_LEAVING = {"Search by these", "Find pictures like it"}
"""What leads from a page that is drawn alone here to the search page, which is walked by itself."""


def _search() -> None:
    from photoseek.ui.page import show

    show()


def _explore() -> None:
    from photoseek.ui.page import _drawing

    _drawing("explore_page")()


def _describe() -> None:
    from photoseek.ui.page import _drawing

    _drawing("describe_page")()


def _duplicates() -> None:
    from photoseek.ui.page import _drawing

    _drawing("duplicates_page")()


def _library() -> None:
    from photoseek.ui.page import _drawing

    _drawing("library_page")()


def _evaluate() -> None:
    from photoseek.ui.page import _drawing

    _drawing("evaluate_page")()


def start(folder: Path, *, read_only: bool, model: ColourEmbedder | None = None) -> tuple[Resources, ColourJudge]:
    """Start what the pages share, over a library of colours and a judge that answers."""
    import streamlit

    streamlit.cache_data.clear()  # a process has one library, but for tests
    judge = ColourJudge()
    library = photoseek.open(folder, model=model or ColourEmbedder(), judge=judge, read_only=read_only)
    return shared.start(UiOptions(folder, read_only=read_only), library), judge


def walk(resources: Resources, picture: Path) -> list[str]:
    """Draw each page, use all that is on it, and return what is written and labelled on them.

    `picture` is a file to bring, and in the library.
    """
    told: list[str] = []
    told += _searched(resources)
    explored = _used(_drawn(_explore))
    from photoseek.ui.explore_page import _CHOICE, _Choice

    explored.session_state[_CHOICE] = _Choice(0, ())
    told += _words(_used(explored.run()))
    described = _drawn(_describe)
    described.file_uploader[0].upload(picture.name, picture.read_bytes(), "image/png").run()
    told += _words(_used(described))
    told += _words(_used(_drawn(_duplicates)))
    resources.jobs.wait()  # what was forgotten and wanted back is indexed again
    library = _drawn(_library)
    if library.text_input:
        library.text_input[0].set_value(str(picture.parent))
    told += _words(_used(library))
    resources.jobs.wait()
    measured = _drawn(_evaluate)
    measured.file_uploader[0].upload("queries.jsonl", QUERIES).run()
    told += _words(_used(measured))
    return told


def press_what_is_hidden(resources: Resources, picture: Path) -> list[str]:
    """Call what the hidden controls call, as a page would that forgot to hide them; return what it is told."""
    from streamlit import session_state

    from photoseek.ui import duplicates_page, indexing_panel, library_page

    told: list[str] = []
    for press, key in (
        (library_page._retry, indexing_panel.ERROR),
        (lambda: indexing_panel._start([picture.parent]), indexing_panel.ERROR),
        (lambda: duplicates_page._forget(tuple(resources.library.newest(1))), duplicates_page._ERROR),
    ):
        press()
        told.append(str(session_state.pop(key, "")))
    resources.jobs.wait()
    return told


def _searched(resources: Resources) -> list[str]:
    """Search, rerank, and ask for all that the viewer tells of a picture."""
    first = resources.library.newest(1)[0].id
    told: list[str] = []
    for params in ({"q": "red"}, {"q": "red", "look": "5"}, {"q": "red", "image": str(first)}):
        page = _new(_search)
        for name, value in params.items():
            page.query_params[name] = value
        page.run()
        if "refining" in page.session_state:
            page.session_state["refining"][1].wait()
            page.run()
        told += _words(_used(page))
    image = resources.library.images([first])[first]
    told.append(str(facts_of_picture(image, resources)))
    told.append(resources.library.ask(first, "What is it?"))
    return told


def _used(page: AppTest) -> AppTest:
    """Press every button of a page that is there now, those of forms too, and some that appear thereby."""
    seen: set[str] = set()
    while True:
        button = next((one for one in page.button if one.label not in seen | _LEAVING and not one.disabled), None)
        if button is None:
            return page
        seen.add(button.label)
        _sound(button.click().run())


def _words(page: AppTest) -> list[str]:
    kinds = (page.markdown, page.caption, page.error, page.warning, page.success, page.info, page.text)
    return [each.value for kind in kinds for each in kind] + [each.label for each in page.button]


def _new(page: Callable[[], None]) -> AppTest:
    from streamlit.testing.v1 import AppTest

    return AppTest.from_function(page, default_timeout=60)


def _drawn(page: Callable[[], None]) -> AppTest:
    return _sound(_new(page).run())


def _sound(page: AppTest) -> AppTest:
    assert not page.exception, [each.value for each in page.exception]
    return page


if __name__ == "__main__":
    started, _ = start(Path(sys.argv[1]), read_only=False, model=ColourEmbedder("mini@1"))
    sys.stdout.write("\n".join(walk(started, Path(sys.argv[2]))))
    started.close()
