"""Which store remembers, and what the words of a user name in it."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from ontarget.device_farm.errors import NoSuchTest
from ontarget.device_farm.memory.acceptance import named
from ontarget.device_farm.memory.memory import Memory

_SHOWN: Final = 5


def memory_address(store: str) -> str:
    """The address of the memory that goes with an inventory's store: the same database, if it is one of ours.

    A coordinator of others keeps leases only; what is measured on its devices goes to the user's own store.
    """
    if store.startswith(("sqlite:///", "postgresql://")):
        return store
    from ontarget.device_farm.inventory import own_store

    return own_store()


def find_tests(memory: Memory, words: str) -> list[str]:
    """Return the tests that `words` name: an id, or one without its parameters, for all of them. Raises NoSuchTest."""
    known = memory.tests()
    found = [test for test in known if named(words, test)]
    if not found:
        raise NoSuchTest(f"nothing is remembered of the test {words!r} in {memory.name}; {_others(words, known)}")
    return found


def _others(words: str, known: Sequence[str]) -> str:
    if not known:
        return "it knows no test yet: results are kept by each run that compares builds"
    close = get_close_matches(words, known, _SHOWN, 0.4) or [test for test in known if words in test][:_SHOWN]
    return f"did you mean {' or '.join(close)}?" if close else f"it knows {len(known)} tests, such as {known[0]}"
