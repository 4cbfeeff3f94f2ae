"""What a library's folder holds, to see that nothing in it was touched, and what those who look need beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from photoseek.library.catalog import tables
from photoseek.tests.support import page_walk

State = dict[str, object]


def state_of(folder: Path, url: sa.URL | None = None) -> State:
    """Everything in a folder, by its path: when it was changed, and the bytes of files; and a catalogue's rows."""
    found: State = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.stat()
        found[str(path)] = (status.st_mtime_ns, status.st_mode, path.read_bytes() if path.is_file() else None)
    if url is not None and url.get_backend_name() != "sqlite":
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            for table in tables.metadata.sorted_tables:
                found[table.name] = sorted(map(repr, connection.execute(sa.select(table))))
        engine.dispose()
    return found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    (tmp_path / "queries.jsonl").write_bytes(page_walk.QUERIES)
    return tmp_path / "queries.jsonl"


@pytest.fixture
def pages() -> None:
    pytest.importorskip("streamlit.testing.v1", reason="pages are not tested: streamlit is not installed")
