"""`--candidate commit:SHA` and `--baseline commit:SHA`: builds of the artifact store as if they had been given."""

from pathlib import Path

from ontarget.device_farm.artifacts.local import BuildCache, path_of
from ontarget.device_farm.artifacts.store import ArtifactStore
from ontarget.device_farm.git import WorkTree
from ontarget.harness.abi import Abi


def stored_build(store: ArtifactStore, commit: str, abi: Abi, folder: Path, *, device: str | None = None) -> str:
    """The words ABI=PATH of what is kept of a commit; `folder` is where git is asked what a short name means.

    Raises NoSuchArtifact, which says what to do, ArtifactDamaged, StoreFailed.
    """
    whole = store.find(commit, WorkTree(folder).resolve)
    return f"{abi}={path_of(store, store.require(whole, abi, device=device), BuildCache())}"
