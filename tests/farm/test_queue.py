from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.leases.queue import Waiter, assign, decide

NAMES = "abcd"
wants = st.lists(
    st.sets(st.sampled_from(NAMES), min_size=1).map(lambda s: tuple(sorted(s))), min_size=1, max_size=3
).map(tuple)
queues = st.lists(wants, max_size=5).map(lambda all_wants: [Waiter(str(i), w) for i, w in enumerate(all_wants)])
frees = st.frozensets(st.sampled_from(NAMES))


def servable(wanted: tuple[tuple[str, ...], ...], free: frozenset[str]) -> bool:
    """By trying everything."""
    return any(len(set(choice)) == len(choice) and free.issuperset(choice) for choice in product(*wanted))


@given(wants, frees)
def test_all_wants_are_served_if_there_is_a_way(wanted: tuple[tuple[str, ...], ...], free: frozenset[str]) -> None:
    chosen = assign(wanted, free)
    assert len(set(chosen.values())) == len(chosen)
    assert all(device in wanted[want] and device in free for want, device in chosen.items())
    assert (len(chosen) == len(wanted)) == servable(wanted, free)


@given(queues, frees)
def test_nobody_shares_and_groups_are_whole(queue: list[Waiter], free: frozenset[str]) -> None:
    granted = decide(queue, free)
    handed_out = [device for devices in granted.values() for device in devices]
    assert len(set(handed_out)) == len(handed_out)
    assert free.issuperset(handed_out)
    for waiter in queue:
        if waiter.ticket in granted:
            assert all(device in want for device, want in zip(granted[waiter.ticket], waiter.wants, strict=True))


@given(queues, frees)
def test_the_first_is_served_if_it_can_be(queue: list[Waiter], free: frozenset[str]) -> None:
    if queue:
        assert (queue[0].ticket in decide(queue, free)) == servable(queue[0].wants, free)


@given(queues, wants, frees)
def test_who_comes_later_changes_nothing(
    queue: list[Waiter], later: tuple[tuple[str, ...], ...], free: frozenset[str]
) -> None:
    with_later = decide([*queue, Waiter("later", later)], free)
    with_later.pop("later", None)
    assert with_later == decide(queue, free)


def test_a_group_is_not_overtaken_for_ever() -> None:
    both = Waiter("both", (("a",), ("b",)))
    single = Waiter("single", (("a",),))
    assert decide([both, single], {"a"}) == {}  # a is kept until b comes free
    assert decide([both, single], {"a", "b"}) == {"both": ("a", "b")}
    assert decide([single, both], {"a"}) == {"single": ("a",)}


def test_preference_is_kept_and_given_up_where_that_serves_all() -> None:
    assert decide([Waiter("x", (("b", "a"),))], {"a", "b"}) == {"x": ("b",)}
    assert decide([Waiter("x", (("a", "b"), ("a",)))], {"a", "b"}) == {"x": ("b", "a")}
