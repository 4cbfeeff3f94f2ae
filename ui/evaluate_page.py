"""The evaluate page: labelled queries are brought, and how well the library answers them is shown."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import streamlit as st

from .. import Evaluation, EvaluationError, PhotoseekError
from ..search.evaluate import RankedQueries
from .components import counted
from .empty import image_count, show_emptiness
from .places import in_a_line
from .resources import Resources, current

_KEY: Final = "evaluation"
_MOST_MB: Final = 20
_MOST_K: Final = 50
_WORST: Final = 20
_EXAMPLE: Final = """{"query": "a cat", "relevant": ["cat.jpg", "kitten.jpg"]}
{"query": "a rocket at night", "kind": "phrase", "relevant": ["space/launch.png"]}"""


def show() -> None:
    """Draw the place for a file of queries, and the figures of the one that was brought."""
    resources = current()
    if not image_count(resources):
        show_emptiness(resources)
        return
    st.markdown("#### How well does this library answer?")
    brought = st.file_uploader(
        "Labelled queries", type=["jsonl", "json", "csv"], max_upload_size=_MOST_MB, label_visibility="collapsed"
    )
    if brought is None:
        st.session_state.pop(_KEY, None)
        st.caption("Bring questions whose answers you know, one a line; files are named by the ends of their paths.")
        st.code(_EXAMPLE, language=None, wrap_lines=True)  # its colours are too pale to read
        st.caption("A .json of COCO captions and a .csv of text and path will do as well.")
        return
    evaluation = _evaluated(brought.file_id, brought.getvalue(), brought.name, resources)
    _show_counts(evaluation)
    _show_figures(evaluation)
    _show_curves(evaluation)
    _show_worst(evaluation)


def _evaluated(file_id: str, data: bytes, name: str, resources: Resources) -> Evaluation:
    asked = (file_id, resources.library.version())
    kept: tuple[tuple[str, int], Evaluation] | None = st.session_state.get(_KEY)
    if kept is None or kept[0] != asked:
        with tempfile.TemporaryDirectory() as folder, st.spinner("Asking…", show_time=True):
            file = Path(folder) / f"queries{Path(name).suffix.lower()}"
            file.write_bytes(data)
            try:
                kept = st.session_state[_KEY] = (asked, resources.library.evaluate(file))
            except EvaluationError as error:
                message = f"{name}: {error.reason}"
                raise PhotoseekError(message) from error
    return kept[1]


def _show_counts(evaluation: Evaluation) -> None:
    queries = sum(len(one.ranks) for one in _by_text(evaluation))
    left_out = []
    if evaluation.unanswerable:
        left_out.append(f"Left out, for want of an answer in the library: {_queries(evaluation.unanswerable)}")
    if evaluation.unknown_files:
        left_out.append(f"Files named that are not in the library: {evaluation.unknown_files:,}")
    among = counted(evaluation.images, "picture")
    st.markdown(f"**{_queries(queries)}** :gray[· {among} · {in_a_line(evaluation.model)}]")
    if left_out:
        st.warning(" · ".join(left_out))


def _show_figures(evaluation: Evaluation) -> None:
    figures = evaluation.figures()
    measures = list(dict.fromkeys(figure.measure for figure in figures))
    kinds = list(dict.fromkeys((figure.direction, figure.kind, figure.queries) for figure in figures))
    found = {(figure.direction, figure.kind, figure.measure): figure for figure in figures}
    rows = []
    for direction, kind, queries in kinds:
        row: dict[str, object] = {"Asked": direction, "Kind": kind, "Queries": queries}
        for measure in measures:
            figure = found[direction, kind, measure]
            row[measure] = f"{figure.mean:.3f}  ({figure.low:.2f}-{figure.high:.2f})"
        rows.append(row)
    st.dataframe(rows, hide_index=True, alt="Measures of every kind of query", key="figures")
    st.caption("In brackets the 95% bootstrap interval of the mean.")


def _show_curves(evaluation: Evaluation) -> None:
    asked = _by_text(evaluation)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("##### Precision by recall")
        precision = {one.kind: one.precision_by_recall() for one in asked}
        _show_curve("recall", "precision", precision)
    with right:
        st.markdown("##### Found among the first k")
        most = min(_MOST_K, evaluation.images)
        recall = {one.kind: one.recall_by_k(most) for one in asked}
        _show_curve("k", "recall", recall)


def _show_curve(along: str, what: str, curves: Mapping[str, Mapping[float, float] | Mapping[int, float]]) -> None:
    """Draw a curve for each kind of query: what it comes to `along` the way."""
    places = next(iter(curves.values()), {})
    data = {along: list(places)} | {kind: list(curve.values()) for kind, curve in curves.items()}
    ends = [(kind, list(curve.values())) for kind, curve in curves.items()]
    told = "; ".join(f"{kind}: {what} from {values[0]:.2f} to {values[-1]:.2f}" for kind, values in ends)
    alt = f"A curve for each kind of query. {told}"
    st.line_chart(data, x=along, y=list(curves), y_label=what, height=280, alt=alt)


def _show_worst(evaluation: Evaluation) -> None:
    rows = [
        {"Query": name, "Kind": one.kind, "mAP": float(value), "First at": int(ranks[0]), "Relevant": len(ranks)}
        for one in _by_text(evaluation)
        for name, value, ranks in zip(one.names, one.values("mAP"), one.ranks, strict=True)
    ]
    rows.sort(key=lambda row: float(str(row["mAP"])))
    st.markdown("##### Queries that do worst")
    st.dataframe(rows[:_WORST], hide_index=True, alt=f"The {_WORST} queries with the lowest mAP", key="worst")


def _by_text(evaluation: Evaluation) -> list[RankedQueries]:
    return [one for one in evaluation.asked if one.direction == "text to image"]


def _queries(count: int) -> str:
    return "1 query" if count == 1 else f"{count:,} queries"
