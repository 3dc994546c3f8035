"""How much of a market some models stand for, and what the next ones would add."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ontarget.device_farm.market.covering import MOST_NODES, Choice, choose, covered
from ontarget.device_farm.market.shares import KINDS, Market, Trait


@dataclass(frozen=True)
class Step:
    """The best choice of so many models (len of `choice.names`), and its share of each kind, of 1."""

    choice: Choice
    shares: dict[str, float]


@dataclass(frozen=True)
class Standing:
    """`known` and `unknown` are the farm's models that the table has, and has not; `shares` what the known ones cover.

    `missing` are the traits that they lack, the largest first, with their share of the traits' kind; `next` the best
    choices of 1, 2, ... models; `kinds` what counted in choosing.
    """

    kinds: tuple[str, ...]
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    shares: dict[str, float]
    missing: tuple[tuple[Trait, float], ...]
    next: tuple[Step, ...]


def standing(
    market: Market, models: Collection[str], *, buy: int, kinds: Sequence[str] = KINDS, nodes: int = MOST_NODES
) -> Standing:
    """What `models` (names) stand for, and which 1 to `buy` models to add for the most of `kinds`."""
    known = [market.by_name[name] for name in sorted(set(models)) if name in market.by_name]
    have: frozenset[Trait] = frozenset().union(*(model.traits for model in known))
    sets = {model.name: model.traits for model in market.models if model not in known}
    weights = market.weights(kinds)
    steps: list[Step] = []
    for count in range(1, buy + 1):
        choice = choose(sets, weights, count, have=have, nodes=nodes)
        if len(choice.names) < count:
            break  # there is nothing left to gain
        gained = have.union(*(sets[name] for name in choice.names))
        steps.append(Step(choice, shares_of(market, gained)))
    missing = [
        ((kind, name), weight)
        for kind in kinds
        for (_, name), weight in market.weights([kind]).items()
        if (kind, name) not in have
    ]
    return Standing(
        kinds=tuple(kinds),
        known=tuple(model.name for model in known),
        unknown=tuple(sorted(set(models) - market.by_name.keys())),
        shares=shares_of(market, have),
        missing=tuple(sorted(missing, key=lambda one: (-one[1], one[0]))),
        next=tuple(steps),
    )


def shares_of(market: Market, traits: frozenset[Trait]) -> dict[str, float]:
    """The share of each kind that these traits are, of 1."""
    return {kind: covered([traits], market.weights([kind])) for kind in KINDS}
