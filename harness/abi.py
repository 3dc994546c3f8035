"""The ABIs that ontarget knows: what a library must be built for, and the sizes of C's types there."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class ElfKind:
    """What an ELF header says of an ABI: `machine` is e_machine, `bits` the class (32 or 64)."""

    machine: int
    bits: int


class Abi(StrEnum):
    """An ABI by the name that people type. All are little-endian; Android's names are those of the NDK."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"
    ARMHF = "armhf"
    ARM64_V8A = "arm64-v8a"
    ARMEABI_V7A = "armeabi-v7a"

    @property
    def elf(self) -> ElfKind:
        """Source: ELF for the x86-64 (62), Arm 64-bit (183) and Arm 32-bit (40) architectures."""
        return _ELF[self]

    @property
    def pointer_size(self) -> int:
        """Bytes of a pointer, and of size_t."""
        return self.elf.bits // 8

    @property
    def long_size(self) -> int:
        """Bytes of C's `long`: LP64 or ILP32 on all of these."""
        return self.pointer_size

    @property
    def char_is_signed(self) -> bool:
        """Whether plain `char` is signed: on x86-64 it is, in Arm's procedure call standards it is not."""
        return self is Abi.X86_64

    @property
    def android(self) -> bool:
        return self in (Abi.ARM64_V8A, Abi.ARMEABI_V7A)

    @property
    def zig_target(self) -> str | None:
        """What `zig cc -target` calls it, with the oldest glibc served; None for Android, which needs the NDK."""
        return _ZIG_TARGETS.get(self)

    @property
    def triplet(self) -> str | None:
        """Debian's name of it (of the folder below /usr/lib); None for Android."""
        return _TRIPLETS.get(self)


_ELF = {
    Abi.X86_64: ElfKind(62, 64),
    Abi.AARCH64: ElfKind(183, 64),
    Abi.ARM64_V8A: ElfKind(183, 64),
    Abi.ARMHF: ElfKind(40, 32),
    Abi.ARMEABI_V7A: ElfKind(40, 32),
}

_ZIG_TARGETS = {
    Abi.X86_64: "x86_64-linux-gnu.2.28",
    Abi.AARCH64: "aarch64-linux-gnu.2.28",
    Abi.ARMHF: "arm-linux-gnueabihf.2.28",
}

_TRIPLETS = {
    Abi.X86_64: "x86_64-linux-gnu",
    Abi.AARCH64: "aarch64-linux-gnu",
    Abi.ARMHF: "arm-linux-gnueabihf",
}
