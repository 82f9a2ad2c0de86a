"""The file of snapshots: all or nothing, whatever happens to the process, the disk or the file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.workspace.pack import Pack, digest

ONE, TWO = b"one\n" * 100, os.urandom(5000)


def filled(path: Path) -> Pack:
    pack = Pack(path)
    pack.add({"n": 1}, [ONE])
    pack.add({"n": 2}, [ONE, TWO])
    return pack


def test_it_is_private_and_holds_each_content_once(tmp_path: Path) -> None:
    pack = filled(tmp_path / "new" / "a.pack")
    assert stat.S_IMODE(pack.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(pack.path.parent.stat().st_mode) == 0o700
    again = Pack(pack.path)
    assert list(again.lines()) == [{"n": 1}, {"n": 2}]
    assert (again.get(digest(ONE)), again.get(digest(TWO))) == (ONE, TWO)
    assert set(again.sizes()) == {digest(ONE), digest(TWO)}
    assert again.size == pack.size == pack.path.stat().st_size
    assert ONE not in pack.path.read_bytes()


def test_asking_makes_nothing(tmp_path: Path) -> None:
    pack = Pack(tmp_path / "new" / "a.pack")
    assert (list(pack.lines()), pack.get(digest(ONE))) == ([], None)
    assert not pack.path.parent.exists()


def test_what_another_process_removes_is_gone(tmp_path: Path) -> None:
    pack = filled(tmp_path / "a.pack")
    pack.path.unlink()
    assert (list(pack.lines()), pack.get(digest(ONE))) == ([], None)
    pack.add({"n": 3}, [TWO])
    assert list(Pack(pack.path).lines()) == [{"n": 3}]
    pack.path.write_bytes(filled(tmp_path / "b.pack").path.read_bytes())
    assert len(Pack(pack.path).lines()) == 2


@given(st.integers(0, 6000), st.data())
def test_a_cut_leaves_what_was_before_it_and_can_be_gone_on_from(cut: int, data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pack"
        whole = filled(path).path.read_bytes()
        path.write_bytes(whole[:cut] + data.draw(st.binary(max_size=20)))
        pack = Pack(path)
        lines = list(pack.lines())
        assert lines == [{"n": 1}, {"n": 2}][: len(lines)]
        assert pack.get(digest(ONE)) in (ONE, None)
        pack.add({"n": 9}, [b"nine"])
        again = Pack(path)
        assert [*lines, {"n": 9}] == list(again.lines())
        assert again.get(digest(b"nine")) == b"nine"
        assert not again.damaged


@given(st.integers(0, 5600), st.integers(1, 255))
def test_a_byte_that_is_wrong_is_never_taken_for_content(at: int, by: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pack"
        whole = bytearray(filled(path).path.read_bytes())
        at %= len(whole)
        whole[at] ^= by
        path.write_bytes(whole)
        pack = Pack(path)
        pack.lines()
        assert pack.get(digest(ONE)) in (ONE, None)
        assert pack.get(digest(TWO)) in (TWO, None)


def test_a_part_that_is_damaged_is_told_of(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.pack").path
    path.write_bytes(path.read_bytes().replace(b'{"n":2}', b'{"n":2]'))
    pack = Pack(path)
    assert list(pack.lines()) == [{"n": 1}]
    assert pack.damaged


def test_rewriting_keeps_what_is_named(tmp_path: Path) -> None:
    pack = filled(tmp_path / "a.pack")
    pack.rewrite([{"n": 2}], [digest(TWO)])
    assert (list(pack.lines()), pack.get(digest(ONE)), pack.get(digest(TWO))) == ([{"n": 2}], None, TWO)
    assert stat.S_IMODE(pack.path.stat().st_mode) == 0o600


FULL = """
import os, resource, signal, sys
from pathlib import Path
from acp_agent.workspace.pack import Pack, digest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
pack = Pack(Path(sys.argv[1]))
pack.add({"n": 1}, [b"one"])
size = pack.path.stat().st_size
try:
    pack.add({"n": 2}, [os.urandom(50_000)])
except OSError as error:
    print(error.strerror)
assert pack.path.stat().st_size == size
pack.add({"n": 3}, [b"three"])
assert list(Pack(pack.path).lines()) == list(pack.lines()) == [{"n": 1}, {"n": 3}]
assert pack.get(digest(b"three")) == b"three"
"""


def test_a_full_disk(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "a.pack")],
        capture_output=True, text=True, encoding="utf-8", timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "File too large\n", "")
