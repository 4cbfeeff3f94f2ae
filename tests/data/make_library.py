"""Makes the small library that later versions must go on opening: python tests/data/make_library.py FOLDER.

Run by hand, once a release, with the version that is released, for tests/data/library-VERSION; what it wrote is never
made again. The images are a few pixels of one colour, the model and the judge are the tests' fakes, and the catalogue
is kept once as SQLite's file and once as a dump of PostgreSQL. Paths begin with `/made/elsewhere`: whoever opens the
library puts its own folder there.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib import import_module
from pathlib import Path
from unittest import mock

import sqlalchemy as sa
from PIL import Image

import photoseek
from photoseek import Query, Term, Words
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge
from photoseek.tests.support.packed import pack

PLACEHOLDER = "/made/elsewhere"
MODIFIED_S = 1_700_000_000
"""When every file was last changed: git does not keep times, so whoever copies them sets this."""


def main() -> None:
    """Make the folder that is named on the command line."""
    target = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        _write_photos(made / "photos")
        (made / "queries.jsonl").write_text("\n".join(map(json.dumps, _queries())), encoding="utf-8")
        _fill(made / "sqlite", made)
        with closing(sqlite3.connect(made / "sqlite" / "catalog.sqlite")) as connection:
            with connection:
                _forget_place(connection, str(made))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
        dump = _fill_postgresql(made / "postgresql", made)
        (made / "postgresql" / "catalog.sql").write_text(dump.replace(str(made), PLACEHOLDER), encoding="utf-8")
        (made / "postgresql" / "library.toml").unlink()  # it names a server that is no more
        for name in ("photos", "sqlite", "postgresql"):
            shutil.copytree(made / name, target / name, ignore=shutil.ignore_patterns("*.lock", "*-wal", "*-shm"))


def _write_photos(photos: Path) -> None:
    for name, colour in {"red": "red", "green": "green", "trips/blue": "blue", "trips/copy": "blue"}.items():
        paint(photos / f"{name}.png", colour)
    paint(photos / "trips" / "violet.png", (255, 0, 255))
    exif = Image.Exif()
    exif[0x0110], exif[0x0132] = "X100V", "2023:05:01 12:30:00"
    Image.new("RGB", (16, 12), (250, 20, 20)).save(photos / "rose.jpg", exif=exif)
    (photos / "green.txt").write_text("a green meadow", encoding="utf-8")
    (photos / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    paint(photos / "gone.png", (200, 255, 200))
    pack(photos / "scans.zip", {"teal.png": paint(photos / "teal.png", (0, 128, 128)).read_bytes()})
    (photos / "teal.png").unlink()
    for path in photos.rglob("*"):
        os.utime(path, (MODIFIED_S, MODIFIED_S))


def _queries() -> list[dict[str, object]]:
    relevant = {"red": ["red.png", "rose.jpg"], "green": ["green.png"], "blue": ["blue.png"]}
    openings = ("something", "a picture of", "all", "very", "mostly")
    return [{"query": f"{words} {name}", "relevant": files} for words in openings for name, files in relevant.items()]


def _fill(folder: Path, made: Path) -> None:
    """Index, and use whatever leaves something behind."""
    # However few they are, their vectors are published as a file.
    published = mock.patch("photoseek.library.vectors.live_vectors.should_build", lambda _total, newer: newer > 0)
    with published, photoseek.open(folder, model=ColourEmbedder(), judge=ColourJudge()) as library:
        library.index(made / "photos")
        gone = made / "photos" / "gone.png"
        gone.rename(made / "gone.png")
        library.index(made / "photos")
        library.search(Query((Term(Words("red")),), threshold="auto"))
        library.map()
        library.tune(made / "queries.jsonl")
        library.caption()
        (made / "gone.png").replace(gone)


def _forget_place(connection: sqlite3.Connection, place: str) -> None:
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = connection.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE type = 'TEXT'").fetchall()
        for (column,) in columns:
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (place, PLACEHOLDER))


def _fill_postgresql(folder: Path, made: Path) -> str:
    """Make the same library with its catalogue on a server; return that as SQL."""
    pgserver = import_module("pgserver")  # needed where it is made, not where it is opened

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        server = pgserver.get_server(Path(data) / "data", cleanup_mode="stop")
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        folder.mkdir()
        catalog = url.render_as_string(hide_password=False)
        (folder / "library.toml").write_text(f'catalog = "{catalog}"\n', encoding="utf-8")
        _fill(folder, made)
        program = Path(str(pgserver.__file__)).parent / "pginstall" / "bin" / "pg_dump"
        options = ["--inserts", "--no-owner", "--no-privileges", server.get_uri()]
        dumped = subprocess.run([program, *options], check=True, capture_output=True, text=True).stdout
        server.cleanup()
    return "\n".join(line for line in dumped.splitlines() if line and not line.startswith(("--", "\\"))) + "\n"


if __name__ == "__main__":
    main()
