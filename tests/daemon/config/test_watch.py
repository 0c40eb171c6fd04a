"""What inotify and stat see of what people do to directories. Events are queued before a write returns."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.config.files import Place
from daemon.config.watch import Watch, directories_of, fingerprint


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    assert watch.works
    yield watch
    watch.close()


def box(root: Path) -> Place:
    (root / "conf.d").mkdir(parents=True)
    (root / "harkd.toml").write_text("talk.hold_s = 3")
    (root / "conf.d/a.toml").write_text("talk.hold_s = 4")
    return Place((root,), "kitchen")


def has_event(watch: Watch) -> bool:
    return bool(select.select([watch.descriptor], [], [], 0)[0])


# ---- events ----------------------------------------------------------


def rename_over(root: Path) -> None:
    (root / "conf.d/.a.toml.x7f").write_text("talk.hold_s = 5")
    os.replace(root / "conf.d/.a.toml.x7f", root / "conf.d/a.toml")


def write_in_place(root: Path) -> None:
    (root / "conf.d/a.toml").write_text("talk.hold_s = 5")


def delete(root: Path) -> None:
    (root / "conf.d/a.toml").unlink()


def own_file_comes(root: Path) -> None:
    (root / "devices").mkdir()
    (root / "devices/kitchen.toml").touch()


def agent_comes(root: Path) -> None:
    (root / "agents").mkdir()
    (root / "agents/cook.toml").touch()


def chmod(root: Path) -> None:
    (root / "harkd.toml").chmod(0o600)


def same_size_and_time(root: Path) -> None:
    before = (root / "harkd.toml").stat()
    (root / "harkd.toml").write_text("talk.hold_s = 9")
    os.utime(root / "harkd.toml", ns=(before.st_atime_ns, before.st_mtime_ns))


def directory_goes(root: Path) -> None:
    os.rename(root, root.with_name("away"))


CHANGES = [
    rename_over,
    write_in_place,
    delete,
    own_file_comes,
    agent_comes,
    chmod,
    same_size_and_time,
    directory_goes,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_change_is_an_event_and_another_fingerprint(
    change: Callable[[Path], None], watch: Watch, tmp_path: Path
) -> None:
    place = box(tmp_path / "etc")
    watch.look_after(directories_of(place))
    before = fingerprint(place)
    assert not has_event(watch)
    change(tmp_path / "etc")
    assert has_event(watch)
    assert fingerprint(place) != before


def test_directory_made_again_is_watched_again(watch: Watch, tmp_path: Path) -> None:
    place = box(tmp_path / "etc")
    watch.look_after(directories_of(place))
    os.rename(tmp_path / "etc", tmp_path / "away")
    watch.drain()
    watch.look_after(directories_of(place))
    box(tmp_path / "etc")
    assert has_event(watch)
    watch.drain()
    watch.look_after(directories_of(place))
    write_in_place(tmp_path / "etc")
    assert has_event(watch)


def test_link_that_is_swapped_is_an_event_and_another_fingerprint(watch: Watch, tmp_path: Path) -> None:
    """As Kubernetes updates a mounted directory: harkd.toml -> ..data/harkd.toml, and ..data is swapped."""
    for version in ("..1", "..2"):
        (tmp_path / "etc" / version).mkdir(parents=True)
        (tmp_path / "etc" / version / "harkd.toml").write_text(f"# {version}")
    (tmp_path / "etc/..data").symlink_to("..1")
    (tmp_path / "etc/harkd.toml").symlink_to("..data/harkd.toml")
    place = Place((tmp_path / "etc",))
    watch.look_after(directories_of(place))
    before = fingerprint(place)
    (tmp_path / "etc/..new").symlink_to("..2")
    os.replace(tmp_path / "etc/..new", tmp_path / "etc/..data")
    assert has_event(watch)
    assert fingerprint(place) != before


def test_link_to_the_whole_directory_is_watched_on_both_ends(watch: Watch, tmp_path: Path) -> None:
    box(tmp_path / "releases/1")
    (tmp_path / "way").mkdir()
    (tmp_path / "way/etc").symlink_to("../releases/1")
    place = Place((tmp_path / "way/etc",))
    assert {tmp_path / "way", tmp_path / "releases/1/conf.d"} <= {d.resolve() for d in directories_of(place)}
    watch.look_after(directories_of(place))
    write_in_place(tmp_path / "releases/1")
    assert has_event(watch)
    watch.drain()
    box(tmp_path / "releases/2")
    (tmp_path / "way/etc").unlink()
    assert has_event(watch)


def test_links_in_a_circle_end() -> None:
    assert directories_of(Place((Path("/proc/self/cwd/nowhere/at/all"),)))


def test_link_to_itself_is_left_to_whoever_reads(tmp_path: Path) -> None:
    (tmp_path / "harkd.toml").symlink_to("harkd.toml")
    place = Place((tmp_path,))
    assert tmp_path in directories_of(place)
    assert fingerprint(place)


def test_of_what_is_missing_the_nearest_directory_above_is_watched(tmp_path: Path) -> None:
    assert tmp_path in directories_of(Place((tmp_path / "no/such/etc",)))


def test_file_is_being_written_until_it_is_closed(watch: Watch, tmp_path: Path) -> None:
    place = box(tmp_path / "etc")
    watch.look_after(directories_of(place))
    with (tmp_path / "etc/harkd.toml").open("w") as stream:
        stream.write("[talk]\n")
        stream.flush()
        watch.drain()
        assert watch.being_written
    watch.drain()
    assert not watch.being_written


def test_file_that_is_none_of_ours_is_not_waited_for(watch: Watch, tmp_path: Path) -> None:
    place = box(tmp_path / "etc")
    watch.look_after(directories_of(place))
    with (tmp_path / "etc/deploy.log").open("w") as stream:
        stream.write("x")
        stream.flush()
        watch.drain()
        assert not watch.being_written


def test_recording_written_beside_the_files_is_no_reason_to_look(watch: Watch, tmp_path: Path) -> None:
    place = box(tmp_path)
    with (tmp_path / "heard.wav").open("wb", buffering=0) as recording:
        watch.look_after(directories_of(place))
        recording.write(b"RIFF")
        assert not watch.drain()
        with (tmp_path / "harkd.toml").open("w") as file:
            print("talk.hold_s = 5", file=file, flush=True)
            assert watch.drain()
    assert watch.drain(), "it may be what the files were missing"


def test_directories_that_are_over_are_watched_no_more(watch: Watch, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    watch.look_after([tmp_path / "a"])
    watch.look_after([tmp_path / "b"])
    watch.drain()
    (tmp_path / "a/x").touch()
    assert not has_event(watch)


# ---- stamps ----------------------------------------------------------


def test_fingerprint_stays_while_nothing_happens(tmp_path: Path) -> None:
    place = box(tmp_path / "etc")
    before = fingerprint(place)
    (tmp_path / "etc/harkd.toml").read_text()
    (tmp_path / "etc/conf.d/.a.toml.swp").touch()
    (tmp_path / "etc/notes.txt").touch()
    assert fingerprint(place) == before


def test_who_may_write_tools_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    place = box(tmp_path / "etc")
    (tmp_path / "etc/tools").mkdir(mode=0o777)
    before = fingerprint(place)
    (tmp_path / "etc/tools").chmod(0o700)
    assert fingerprint(place) != before
