"""What a kernel in trouble says on a console, recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.consoles.kernel_faults import FaultKind, kernel_faults, said_since, worst

# Lines as Linux's own documentation shows them (admin-guide/lockup-watchdogs, RCU/stallwarn, admin-guide/sysctl,
# admin-guide/bug-hunting), and as arch/arm64/mm/fault.c, kernel/panic.c and fs/ext4/super.c print them.
SAID = [
    ("Kernel panic - not syncing: sysrq triggered crash", FaultKind.PANIC),
    ("Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(179,2)", FaultKind.PANIC),
    ("Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000", FaultKind.OOPS),
    ("Internal error: Oops: 0000000096000046 [#1] SMP", FaultKind.OOPS),
    ("BUG: kernel NULL pointer dereference, address: 0000000000000008", FaultKind.OOPS),
    ("BUG: unable to handle page fault for address: ffffc90000800008", FaultKind.OOPS),
    ("kernel BUG at mm/slub.c:305!", FaultKind.OOPS),
    ("watchdog: BUG: soft lockup - CPU#2 stuck for 23s! [stress:1234]", FaultKind.LOCKUP),
    ("rcu: INFO: rcu_preempt self-detected stall on CPU", FaultKind.STALL),
    ("INFO: rcu_sched detected stalls on CPUs/tasks:", FaultKind.STALL),
    ("INFO: task kworker/0:1:12 blocked for more than 120 seconds.", FaultKind.HUNG_TASK),
    ("EXT4-fs (mmcblk0p2): Remounting filesystem read-only", FaultKind.READ_ONLY),
    ("EXT4-fs error (device mmcblk0p2): ext4_find_entry:1463: inode #2: comm sh: reading directory", FaultKind.STORAGE),
    ("blk_update_request: I/O error, dev mmcblk0, sector 2048 op 0x0:(READ) flags 0x0", FaultKind.STORAGE),
]
QUIET = [
    "Linux version 6.1.0-27-cloud-arm64 (debian-kernel@lists.debian.org)",
    "EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode",
    "rcu: Hierarchical RCU implementation.",
    "mmc0: new high speed SDHC card at address aaaa",
    "Kernel command line: console=ttyS0 panic=1",
    "unit login: ",
]
OOPS = """\
2026-01-31T12:00:00.000Z [    4.100000] before
2026-01-31T12:00:01.000Z [    5.100000] Unable to handle kernel paging request at virtual address dead000000000100
2026-01-31T12:00:01.001Z [    5.100001] Internal error: Oops: 0000000096000044 [#1] SMP
2026-01-31T12:00:01.002Z [    5.100002] pc : list_del+0x1c/0x80
2026-01-31T12:00:01.003Z [    5.100003] ---[ end trace 0000000000000000 ]---
2026-01-31T12:00:01.004Z [    5.100004] Kernel panic - not syncing: Oops: Fatal exception
2026-01-31T12:00:01.005Z [    5.100005] ---[ end Kernel panic - not syncing: Oops: Fatal exception ]---
2026-01-31T12:00:02.000Z U-Boot 2023.07
"""


@pytest.mark.parametrize(
    "before", ["", "[   12.345678] ", "<2>[12.345678][  T123] ", "2026-01-31T12:00:00.250Z [1.5] "]
)
@pytest.mark.parametrize(("line", "kind"), SAID)
def test_trouble_is_recognised_with_or_without_its_time(before: str, line: str, kind: FaultKind) -> None:
    fault = worst(f"all well\n{before}{line}\nmore\n")
    assert fault is not None
    assert fault.kind is kind
    assert fault.words in line
    assert fault.lines == (f"{before}{line}", "more")


@pytest.mark.parametrize("line", QUIET)
def test_a_boot_is_no_trouble(line: str) -> None:
    assert kernel_faults(f"[    0.000000] {line}\n") == []


def test_a_report_is_told_once_and_the_panic_that_ends_it_first() -> None:
    panic, oops = kernel_faults(OOPS)
    assert str(panic) == "kernel panic: Kernel panic - not syncing: Oops: Fatal exception"
    assert oops.words.startswith("Unable to handle kernel paging request")
    assert [line.partition("] ")[2] for line in oops.lines][-2:] == [
        "pc : list_del+0x1c/0x80",
        "---[ end trace 0000000000000000 ]---",
    ]


def test_what_an_earlier_test_saw_is_not_told_of_this_one() -> None:
    assert worst(said_since(OOPS, "2026-01-31T12:00:01.500Z")) is None
    assert worst(said_since(OOPS, "2026-01-31T12:00:00.500Z")) == worst(OOPS)
    assert said_since(OOPS, "2026-01-31T12:00:02.000Z") == "2026-01-31T12:00:02.000Z U-Boot 2023.07\n"


@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from([line for line, _ in SAID])), max_size=30))
def test_whatever_a_console_prints_is_read(lines: list[str]) -> None:
    log = "\n".join(lines)
    found = kernel_faults(log)
    assert (worst(log) is None) == (found == [])
    for fault in found:
        assert set(fault.lines) <= set(log.splitlines())
