"""Thirty good files beside thirty bad ones: the good are found, the bad are listed, and memory stays small."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import photoseek
from photoseek import IndexOptions, IndexReport
from photoseek.tests.support.fakes import ColourEmbedder
from photoseek.tests.support.hostile import BAD_FILES, write_bad, write_good

GOOD_FILES = 30

# More than good files alone take. One of the bad unpacks to 64 MiB, another claims 20 GB.
MOST_EXTRA_KB = 40_000


def index_in_this_process(photos: str, library: str) -> None:
    """Index, and print the report and the peak of resident memory in KiB as one JSON value.

    The peak is that of this process and that of its largest decoding process together.
    """
    with photoseek.open(library, model=ColourEmbedder()) as opened:
        report = opened.index(photos, IndexOptions(workers=2))
        counts = {"new": report.new, "failed": report.failed, "embedded": report.embedded}
    peaks_kb = [resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps(counts | {"peak_kb": sum(peaks_kb)}))  # noqa: T201


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "photos"
    write_good(folder, GOOD_FILES, seed=11)
    write_bad(folder, seed=11)
    return folder


def index_in_another_process(photos: Path, library: Path) -> dict[str, int]:
    call = f"index_in_this_process({str(photos)!r}, {str(library)!r})"
    code = f"from photoseek.tests.indexer.test_hostile_indexing import index_in_this_process; {call}"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, int] = json.loads(done.stdout)
    return told


def test_the_good_are_indexed_and_the_bad_recorded_in_bounded_memory(photos: Path, tmp_path: Path) -> None:
    write_good(tmp_path / "good", GOOD_FILES, seed=11)
    good = index_in_another_process(tmp_path / "good", tmp_path / "library of the good")
    both = index_in_another_process(photos, tmp_path / "library of both")
    assert good == {"new": GOOD_FILES, "failed": 0, "embedded": GOOD_FILES, "peak_kb": good["peak_kb"]}
    assert both == {"new": GOOD_FILES, "failed": BAD_FILES, "embedded": GOOD_FILES, "peak_kb": both["peak_kb"]}
    assert both["peak_kb"] - good["peak_kb"] < MOST_EXTRA_KB


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_every_bad_file_has_its_reason_and_none_is_tried_again(photos: Path, tmp_path: Path) -> None:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        assert library.index(photos) == IndexReport(new=GOOD_FILES, failed=BAD_FILES, embedded=GOOD_FILES)
        failures = library.failures()
        assert {Path(failure.path).name for failure in failures} == {
            path.name for path in photos.iterdir() if not path.name.startswith("good-")
        }
        for failure in failures:
            assert (failure.stage, failure.tries) == ("decode", 1)
            assert failure.reason.strip()
            assert failure.reason.isprintable()
            assert len(failure.reason) < 200
        assert len(library.search("red", k=100)) == GOOD_FILES
        assert library.index(photos) == IndexReport(unchanged=GOOD_FILES, still_failing=BAD_FILES)
        assert library.failures() == failures
