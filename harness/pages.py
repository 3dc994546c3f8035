"""Whether a library's segments can be mapped with a device's pages."""

import warnings
from typing import Final

from ontarget.harness import elf
from ontarget.harness.builds import Bundle
from ontarget.harness.errors import WrongAbi

# Since Android 15 phones may have them (developer.android.com/guide/practices/page-sizes).
ANDROID_PAGE_MOST: Final = 16384


class SmallPages(UserWarning):
    """A library that does not load on phones that have larger pages than this one."""


def check(bundle: Bundle, page_size: int, *, device: str) -> None:
    """Hold each file of the bundle to the device's page size, in bytes.

    Warns with SmallPages of one for 64 bit Android that would not load on every phone. Raises WrongAbi, MissingFile.
    """
    for file in (bundle.library, *bundle.dependencies):
        found = elf.read(file.path, program=True).page_size
        advice = "link it with -Wl,-z,max-page-size"
        if found < page_size:
            raise WrongAbi(
                f"{file.path}: expected segments aligned to the device's pages of {page_size} bytes, found them "
                f"aligned to {found}, which no loader there takes: {advice}={max(page_size, ANDROID_PAGE_MOST)}",
                device=device,
            )
        if bundle.abi.android and bundle.abi.elf.bits == 64 and found < ANDROID_PAGE_MOST:
            warnings.warn(
                f"{file.path}: its segments are aligned to {found} bytes. It loads on {device}, and will not on phones "
                f"with pages of {ANDROID_PAGE_MOST}: {advice}={ANDROID_PAGE_MOST}",
                SmallPages,
                stacklevel=2,
            )
