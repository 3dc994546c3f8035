"""The store of builds: what goes in comes out, and nothing else does."""

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.artifacts.adding import LocalBuild, gathered
from ontarget.device_farm.artifacts.files import Files, secrets_of, shown
from ontarget.device_farm.artifacts.local import BuildCache
from ontarget.device_farm.artifacts.store import ArtifactStore
from ontarget.device_farm.errors import ArtifactDamaged, ArtifactDiffers, MissingExtra, NoSuchArtifact
from ontarget.harness import elf
from ontarget.harness.abi import Abi
from ontarget.harness.errors import MissingFile, UserError, WrongAbi
from support.c_libraries import compile_library
from support.shared_objects import shared_object

ONE, OTHER = "1" * 40, "12" * 20
MOMENT = 1_700_000_000.0


@pytest.fixture(params=["folder", "memory"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def store(address: str) -> ArtifactStore:
    return ArtifactStore(address, clock=lambda: MOMENT)


@pytest.fixture
def folder_store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "store"), clock=lambda: MOMENT)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return compile_library("int one(void) { return 1; }", tmp_path, "one")


@pytest.fixture
def build(library: Path) -> LocalBuild:
    return gathered([str(library)])[0]


def test_what_is_added_comes_back_byte_for_byte(store: ArtifactStore, build: LocalBuild, tmp_path: Path) -> None:
    store.add(ONE, build)
    manifest = store.require(ONE, build.abi)
    with store.fetched(manifest, tmp_path / "out") as folder:
        assert (folder / "libone.so").read_bytes() == build.files["libone.so"].read_bytes()
    assert manifest.library == "libone.so"
    assert manifest.toolchain == "; ".join(elf.read(build.files["libone.so"]).compilers) != ""
    assert [one.commit for one in store.manifests()] == [ONE]


def test_a_library_takes_along_what_it_needs(tmp_path: Path, folder_store: ArtifactStore) -> None:
    needed = shared_object(tmp_path / "build" / "libneeded.so.2", Abi.AARCH64, soname="libneeded.so.2")
    shared_object(tmp_path / "build" / "libstray.so", Abi.AARCH64)
    library = shared_object(tmp_path / "build" / "libmain-1.so", Abi.AARCH64, soname="libmain.so.1", needs=[needed])
    (build,) = gathered([f"aarch64={library}"])
    manifest = folder_store.add(ONE, build)
    assert sorted(file.name for file in manifest.files) == ["libmain.so.1", "libneeded.so.2"]
    assert manifest.library == "libmain.so.1"
    folder = BuildCache(tmp_path / "cache").folder(folder_store, manifest)
    assert elf.read(folder / "libmain.so.1").soname == "libmain.so.1"


def test_the_abi_is_that_of_the_header(tmp_path: Path) -> None:
    library = shared_object(tmp_path / "libarm.so", Abi.ARMHF)
    with pytest.raises(WrongAbi, match=r"aarch64=.*libarm\.so: expected a library for aarch64, found one for arm"):
        gathered([f"aarch64={library}"])
    with pytest.raises(WrongAbi, match="expected a library for aarch64"):
        gathered([f"aarch64={library.parent}"])


def test_a_folder_of_several_is_kept_with_its_links(tmp_path: Path, folder_store: ArtifactStore) -> None:
    folder = tmp_path / "build"
    folder.mkdir()
    first = compile_library("int one(void) { return 1; }", folder, "one")
    (folder / "libone.so.1").symlink_to(first.name)
    compile_library("int two(void) { return 2; }", folder, "two")
    (build,) = gathered([str(folder)])
    manifest = folder_store.add(ONE, build)
    assert manifest.library is None
    assert sorted(file.name for file in manifest.files) == ["libone.so", "libone.so.1", "libtwo.so"]
    with pytest.raises(MissingFile, match=r"found no shared object"):
        gathered([str(tmp_path / "store" / "builds")])


def test_the_same_again_is_harmless_and_another_build_needs_replace(
    store: ArtifactStore, build: LocalBuild, tmp_path: Path
) -> None:
    first = store.add(ONE, build)
    assert store.add(ONE, build) == first
    other = replace(build, files={"libone.so": compile_library("int one(void) { return 2; }", tmp_path, "other")})
    with pytest.raises(ArtifactDiffers, match=r"libone\.so is [0-9a-f]{12} there and [0-9a-f]{12} here.*--replace"):
        store.add(ONE, other)
    assert store.require(ONE, build.abi) == first
    store.add(ONE, other, replace=True)
    assert not store.require(ONE, build.abi).same_build(first)


def test_a_damaged_file_is_named_and_replace_mends_it(tmp_path: Path, build: LocalBuild) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    manifest = store.add(ONE, build)
    digest = manifest.files[0].sha256
    kept = tmp_path / "store" / "objects" / digest[:2] / digest
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    cache = BuildCache(tmp_path / "cache")
    with pytest.raises(
        ArtifactDamaged, match=rf"libone\.so of 1+ for .*expected SHA-256 {digest}, found [0-9a-f]{{64}}"
    ):
        cache.folder(store, manifest)
    kept.unlink()
    with pytest.raises(ArtifactDamaged, match=rf"libone\.so .*expected a file of {len(content)} bytes, found none"):
        cache.folder(store, manifest)
    store.add(ONE, build, replace=True)
    assert (cache.folder(store, manifest) / "libone.so").read_bytes() == build.files["libone.so"].read_bytes()


def test_a_changed_file_of_the_cache_is_fetched_again(tmp_path: Path, build: LocalBuild) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    manifest = store.add(ONE, build)
    cache = BuildCache(tmp_path / "cache")
    path = cache.folder(store, manifest) / "libone.so"
    path.write_bytes(b"another")
    assert cache.folder(store, manifest) / "libone.so" == path
    assert path.read_bytes() == build.files["libone.so"].read_bytes()


@pytest.mark.parametrize("name", ["../../evil.so", "/etc/evil.so", "..", "", "a/b.so", "a\\b.so", "a\nb.so"])
def test_a_name_never_leaves_its_folder(tmp_path: Path, build: LocalBuild, name: str) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    store.add(ONE, build)
    path = tmp_path / "store" / "builds" / ONE / f"{build.abi}.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0]["name"] = name
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactDamaged, match="plain file name"):
        store.require(ONE, build.abi)


def test_a_manifest_of_another_commit_is_refused(tmp_path: Path, build: LocalBuild) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    store.add(ONE, build)
    (tmp_path / "store" / "builds" / ONE).rename(tmp_path / "store" / "builds" / OTHER)
    with pytest.raises(ArtifactDamaged, match=f"expected the manifest of {OTHER} for .*, found that of {ONE}"):
        store.require(OTHER, build.abi)


@given(st.binary(max_size=200))
def test_whatever_a_manifest_holds_is_told(text: bytes) -> None:
    store = ArtifactStore("memory://damaged")
    Files("memory://damaged").write(f"builds/{ONE}/x86_64.json", text)
    with pytest.raises(ArtifactDamaged, match=r"builds/1+/x86_64\.json"):
        store.require(ONE, Abi.X86_64)


def test_a_write_that_fails_leaves_nothing_that_looks_whole(tmp_path: Path, build: LocalBuild) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    (tmp_path / "store" / "builds").mkdir(parents=True)
    (tmp_path / "store" / "builds" / ONE).write_text("a file where the folder is to be")
    with pytest.raises(Exception, match="artifact store") as told:
        store.add(ONE, build)
    assert str(tmp_path / "store") in str(told.value)
    assert list((tmp_path / "store" / ".unfinished").glob("*")) == []


def test_short_names_are_found_where_they_mean_one_commit(store: ArtifactStore, build: LocalBuild) -> None:
    store.add(ONE, build)
    assert store.find("1111", lambda _: None) == ONE
    store.add("1111" + "2" * 36, build)
    with pytest.raises(NoSuchArtifact, match=r"commit:1111 may be 1111.* or 1111.*give more of its name"):
        store.find("1111", lambda _: None)
    assert store.find("main", {"main": OTHER}.get) == OTHER
    with pytest.raises(NoSuchArtifact, match=rf"commit:topic: expected a commit .* newest there are .*{ONE[:12]}"):
        store.find("topic", lambda _: None)


def test_a_commit_without_a_build_says_what_to_do(store: ArtifactStore, build: LocalBuild) -> None:
    with pytest.raises(NoSuchArtifact, match=r"found none; it is empty.*ontarget artifact add 1+ aarch64=PATH"):
        store.require(ONE, Abi.AARCH64)
    store.add(ONE, build)
    with pytest.raises(NoSuchArtifact, match=rf"found only for {build.abi}"):
        store.require(ONE, Abi.AARCH64)


def test_secrets_of_an_address_are_never_shown() -> None:
    address = "ftp://someone:s3cr3t@127.0.0.1:1/folder?token=t0k3n"
    assert shown(address) == "ftp://***@127.0.0.1:1/folder?***"
    assert {"someone:s3cr3t", "s3cr3t", "t0k3n"} <= set(secrets_of(address))
    with pytest.raises(Exception, match="artifact store ftp://") as told:
        Files(address).read("x")
    assert not any(secret in str(told.value) for secret in ("s3cr3t", "t0k3n"))


def test_an_address_that_means_nothing_is_told() -> None:
    with pytest.raises(UserError, match=r"nosuch://\*\*\*@host.*Protocol not known"):
        Files("nosuch://user:pass@host/x")
    with pytest.raises(MissingExtra, match="needs a library that is not installed"):
        Files("gs://bucket/x")
