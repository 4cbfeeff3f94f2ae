"""The library page: what it holds, folders to index, files that failed, and whether it is well."""

from __future__ import annotations

from collections import Counter
from typing import Final

import streamlit as st

from .. import Finding, LibraryNotFound, PhotoseekError
from ..api import LibraryInfo
from .components import counted, literal, shown_path, size_in_words
from .indexing_panel import COUNT_EVERY_S, ERROR, show_indexing
from .places import in_a_line, place_of
from .resources import Resources, current

_FINDINGS: Final = "findings"
_MOST_ROWS: Final = 1_000
_MANY: Final = 10
_REASONS: Final = 5


def show() -> None:
    """Draw its parts one below the other."""
    resources = current()
    # What a run has done so far is counted while it runs.
    st.fragment(_show_counts, run_every=COUNT_EVERY_S if resources.jobs.is_running else None)()
    info = _info(resources)
    if not resources.options.read_only:
        show_indexing(resources)
    if info is None:
        return
    _show_failures(info, resources)
    _show_models(info)
    _show_health(resources)


def _info(resources: Resources) -> LibraryInfo | None:
    try:
        return resources.library.info()
    except LibraryNotFound:
        return None


def _show_counts() -> None:
    resources = current()
    info = _info(resources)
    facts = {
        "Pictures": f"{info.images:,}" if info else "0",
        "Could not be read": f"{info.failures:,}" if info else "0",
        "Missing files": f"{info.missing:,}" if info else "0",
        "On disk": size_in_words(info.size_bytes) if info else "0 MB",
    }
    with st.container(horizontal=True, key="library_counts"):
        for name, value in facts.items():
            st.metric(name, value, width=150)
    if not resources.options.is_shared:
        st.caption(f"In {literal(shown_path(resources.library.folder))}")


def _show_failures(info: LibraryInfo, resources: Resources) -> None:
    damages = resources.library.damages()
    if not info.failures and not damages:
        return
    st.markdown("#### Files with something wrong")
    if info.failures:
        failures = resources.library.failures()
        files = counted(len(failures), "file")
        with st.container(horizontal=True, vertical_alignment="center", key="failures_bar"):
            st.markdown(f"**{files} could not be read**", width="stretch")
            if not resources.options.read_only:
                st.button("Try them again", icon=":material/refresh:", key="retry", on_click=_retry)
        if len(failures) > _MANY:
            reasons = Counter(failure.reason for failure in failures).most_common(_REASONS)
            st.markdown("\n".join(f"- {count:,} × {literal(reason)}" for reason, count in reasons))
        rows = [
            {"File": place_of(failure.path), "Reason": failure.reason, "Stage": failure.stage, "Tries": failure.tries}
            for failure in failures[:_MOST_ROWS]
        ]
        _show_table(rows, f"Files that could not be read: {files}", "failures_table")
    if damages:
        st.markdown(f"**{len(damages):,} kept though damaged**")
        rows = [{"File": place_of(damage.path), "What is wrong": damage.warning} for damage in damages[:_MOST_ROWS]]
        _show_table(rows, "Pictures that were kept though damaged", "damages_table")


def _show_table(rows: list[dict[str, object]], alt: str, key: str) -> None:
    """Draw rows as a table; a few stand as they are, many scroll."""
    st.dataframe(rows, hide_index=True, height=320 if len(rows) > 8 else "content", alt=alt, key=key)


def _show_models(info: LibraryInfo) -> None:
    if not info.models:
        return
    st.markdown("#### Models")
    for model in info.models:
        st.markdown(
            f"**{in_a_line(model.name)}** :gray[· {counted(model.vectors, 'picture')} · {model.dim} numbers each · "
            f"{in_a_line(model.key)}]"
        )


def _show_health(resources: Resources) -> None:
    st.markdown("#### Health")
    with st.container(horizontal=True, key="health_bar"):
        examine = st.button("Examine", icon=":material/stethoscope:")
        findings: list[Finding] | None = st.session_state.get(_FINDINGS)
        mend = False
        if not resources.options.read_only and findings and any(not finding.repaired for finding in findings):
            mend = st.button("Repair", icon=":material/build:")
    if examine or mend:
        with st.spinner("Reading everything the library holds…", show_time=True):
            try:
                findings = resources.library.doctor(repair=mend)
            except PhotoseekError as error:
                st.error(in_a_line(str(error)))
                return
        st.session_state[_FINDINGS] = findings
        if mend or findings:
            st.rerun()
    if findings is None:
        st.caption("Checks the database, every row, and every vector file; changes nothing.")
    elif not findings:
        st.success("Everything is as it should be.", icon=":material/check:")
    for finding in findings or ():
        say = st.success if finding.repaired else st.info if finding.harmless else st.error
        mark = "repaired · " if finding.repaired else "noted · " if finding.harmless else ""
        say(f"{mark}**{literal(finding.check)}** {in_a_line(finding.detail)}")


def _retry() -> None:
    resources = current()
    roots = [root for root in resources.library.failed_roots() if root.exists()]
    try:
        resources.jobs.start([str(root) for root in roots], retry_failed=True)
    except PhotoseekError as error:
        st.session_state[ERROR] = str(error)
