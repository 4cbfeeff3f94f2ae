"""photoseek beside rclip 3.3: the same photographs, the same ViT-B-32-256, the same machine, each as a whole process.

    python benchmarks/rclip.py --photos DIR [--limit 2000] [--rounds 3] [--queries 9] [--work .cache/rclip]

The model is open_clip's ViT-B-32-256 with random weights: its speed is that of trained ones. rclip gets it as torch
exports it, which is how its own models are made; photoseek prepares it by itself. rclip comes from PyPI, into an
environment of its own in the working folder. The programs take turns, in wall-clock time and in processor time.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURE = "ViT-B-32-256"
RCLIP_MODEL = "ViT-B-32-256-datacomp_s34b_b86k"
RCLIP_PAPERS = ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md")
QUERY = "a dog running on the beach"
PEAK = (
    "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
)
"""Runs a command and prints the most memory it held, in KiB (Linux): a fresh process, since the figure never falls."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program as a whole process: seconds by the wall clock and of processors, most memory in MiB."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Indexing and cold text queries beside rclip 3.3.")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of JPEG photographs of 1,500 px or more")
    parser.add_argument("--limit", type=int, default=2_000, help="how many of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--queries", type=int, default=9, help="rounds of cold queries")
    parser.add_argument("--work", type=Path, default=Path(".cache/rclip"))
    options = parser.parse_args()
    work = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    photos = links_to(options.photos, options.limit, work / "photos")
    weights = make_model(work)
    rclip, data = install_rclip(work), work / "rclip-data"
    environment = {"HF_HUB_OFFLINE": "1", "PHOTOSEEK_CACHE": str(work / "cache")}
    ours = str(Path(sys.executable).with_name("photoseek"))
    libraries = {
        name: (f"{ARCHITECTURE}//{weights}{suffix}", work / f"{name.split()[-1]}.library")
        for name, suffix in (("photoseek fp32", ""), ("photoseek int8", "@int8"))
    }
    one = links_to(options.photos, 1, work / "one")
    for model, library in libraries.values():  # the export is made once, and is not what is measured
        run([ours, "index", str(one), "--model", model, "--library", f"{library}.first"], environment, photos)

    indexed: dict[str, list[Run]] = {}
    for _ in range(options.rounds):
        for file in data.glob("db.sqlite3*"):
            file.unlink()
        index = [rclip, "--indexing-batch-size", "8", "-t", "1", QUERY]
        indexed.setdefault("rclip", []).append(run(index, environment | {"RCLIP_DATADIR": str(data)}, photos))
        for name, (model, library) in libraries.items():
            shutil.rmtree(library, ignore_errors=True)
            index = [ours, "index", str(photos), "--model", model, "--library", str(library)]
            indexed.setdefault(name, []).append(run(index, environment, photos))
    count = sum(1 for _ in photos.iterdir())
    print(f"indexing {count} photographs, {os.cpu_count()} cores, {options.rounds} rounds (rclip's includes one query)")
    report(indexed, count)

    asked: dict[str, list[Run]] = {}
    for _ in range(options.queries):
        query = [rclip, "--no-indexing", "-t", "5", QUERY]
        asked.setdefault("rclip", []).append(run(query, environment | {"RCLIP_DATADIR": str(data)}, photos))
        for name, (_, library) in libraries.items():
            query = [ours, "search", QUERY, "-k", "5", "--library", str(library)]
            asked.setdefault(name, []).append(run(query, environment, photos))
    print(f"cold text query, whole process, {options.queries} rounds")
    report(asked, 1)


def report(runs: Mapping[str, Sequence[Run]], units: int) -> None:
    """Print medians, and how many times as fast as rclip, round by round."""
    base = runs["rclip"]
    for name, each in runs.items():
        wall, cpu = (statistics.median(getattr(one, kind) for one in each) for kind in ("wall_s", "cpu_s"))
        faster = statistics.median(theirs.wall_s / one.wall_s for theirs, one in zip(base, each, strict=True))
        leaner = statistics.median(theirs.cpu_s / one.cpu_s for theirs, one in zip(base, each, strict=True))
        peak = max(one.peak_mib for one in each)
        print(
            f"  {name:15s} {wall:8.2f} s  {units / wall:7.2f} /s  {cpu:8.2f} s of processors  peak {peak:6,.0f} MiB"
            f"   {faster:5.2f} x as fast, {leaner:5.2f} x by processor time"
        )


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Run:
    """Run a command in a folder, with variables added to the environment."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command],
        env={**os.environ, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall_s, cpu_s, int(done.stdout.split()[-1]) / 1024)


def links_to(photos: Path, limit: int, folder: Path) -> Path:
    """Gather the first `limit` photographs in one folder, by hard links where the disk allows, else by copies."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, photo in enumerate(sorted(photos.rglob("*.jpg"))[:limit]):
        try:
            (folder / f"{number:05d}.jpg").hardlink_to(photo)
        except OSError:
            shutil.copyfile(photo, folder / f"{number:05d}.jpg")
    return folder


def make_model(work: Path) -> Path:
    """Make random weights once; give them to rclip as ONNX, with the files it wants beside them; return the weights."""
    weights, theirs = work / "weights.pt", work / "rclip-data" / RCLIP_MODEL
    if weights.exists() and (theirs / "textual.onnx").exists():
        return weights
    import open_clip
    import torch

    torch.manual_seed(0)
    model = open_clip.create_model(ARCHITECTURE).eval()
    torch.save(model.state_dict(), weights)
    theirs.mkdir(parents=True, exist_ok=True)
    torch.backends.mha.set_fastpath_enabled(False)
    ids = open_clip.get_tokenizer(ARCHITECTURE)(["a cat", "a dog"])
    for file, encode, sample in (
        ("visual.onnx", model.encode_image, torch.zeros(2, 3, 256, 256)),
        ("textual.onnx", model.encode_text, ids),
    ):
        model.forward = encode
        torch.onnx.export(
            model,
            (sample,),
            str(theirs / file),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    vocabulary = theirs.parent / "tokenizer" / "bpe_simple_vocab_16e6.txt.gz"
    vocabulary.parent.mkdir(exist_ok=True)
    source = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    vocabulary.write_bytes(gzip.compress(gzip.decompress(source.read_bytes())))
    for paper in RCLIP_PAPERS:
        for folder in (theirs, theirs.parent):
            (folder / paper).touch()
    return weights


def install_rclip(work: Path) -> str:
    """Install rclip from PyPI into an environment of its own, once; return its command."""
    command = work / "environment" / "bin" / "rclip"
    if not command.exists():
        venv.create(work / "environment", with_pip=True)
        subprocess.run([str(command.with_name("pip")), "install", "--quiet", "rclip==3.3.*"], check=True)
    return str(command)


if __name__ == "__main__":
    main()
