"""The archive that a board's kernel unpacks: what is put in comes out, by a reader written from the format alone."""

import stat

from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.boards import cpio

_NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
_ENTRIES = st.builds(
    cpio.Entry,
    path=_NAMES.filter(lambda name: name != "TRAILER!!!"),
    mode=st.sampled_from([stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFCHR]).flatmap(
        lambda kind: st.integers(0, 0o7777).map(lambda permissions: kind | permissions)
    ),
    data=st.binary(max_size=40),
    device=st.tuples(st.integers(0, 2**20), st.integers(0, 2**20)),
)


def unpacked(archive: bytes) -> list[cpio.Entry]:
    entries: list[cpio.Entry] = []
    at = 0
    while True:
        assert at % 4 == 0
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name_end = at + 110 + fields[11]
        assert archive[name_end - 1] == 0
        name = archive[at + 110 : name_end - 1].decode()
        data_start = name_end + -name_end % 4
        data_end = data_start + fields[6]
        at = data_end + -data_end % 4
        if name == "TRAILER!!!":
            assert archive[at:] == b""
            return entries
        entries.append(cpio.Entry(name, fields[1], archive[data_start:data_end], (fields[9], fields[10])))


@given(st.lists(_ENTRIES, max_size=6))
def test_what_is_archived_is_read_back(entries: list[cpio.Entry]) -> None:
    assert unpacked(cpio.archive(entries)) == entries


def test_equal_entries_make_equal_bytes() -> None:
    entries = [cpio.folder("etc"), cpio.file("etc/hostname", b"board\n")]
    assert cpio.archive(entries) == cpio.archive(entries)
