"""Several processes of one training: which is the first, and what they exchange."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from torch import cuda, tensor

from chinchilla.errors import ChinchillaError
from chinchilla.predict.model_loading import device

Value = TypeVar("Value")


def _state() -> Any:
    from accelerate import PartialState

    return PartialState(cpu=device() == "cpu")


def is_first() -> bool:
    """Tell whether this process is the one that writes and prints."""
    return bool(_state().is_main_process)


def how_many() -> int:
    """Return how many processes train together."""
    return int(_state().num_processes)


def idle_gpus(gpus: int | None = None) -> str | None:
    """Return a line on how to use so many GPUs (those here), None where the processes do."""
    gpus = cuda.device_count() if gpus is None else gpus
    if gpus < 2 or how_many() > 1:
        return None
    use = f"torchrun --nproc-per-node {gpus} -m chinchilla train"
    return f"one of {gpus} GPUs is used; to use them all, begin with: {use}"


def from_first(value: Value) -> Value:
    """Return the value of the first process, in all of them."""
    from accelerate.utils import broadcast_object_list

    if how_many() == 1:
        return value
    values = [value]
    broadcast_object_list(values)
    return values[0]


def by_first(make: Callable[[], Value]) -> Value:
    """Return what the first process makes, in all of them; an error of ours is raised in all.

    What it reads need not be on the disk of another machine.
    """
    made: Value | None = None
    wrong: ChinchillaError | OSError | None = None
    try:
        made = make() if is_first() else None
    except (ChinchillaError, OSError) as error:
        wrong = error
    made, wrong = from_first((made, wrong))
    if wrong is not None:
        raise wrong
    return cast(Value, made)


def gathered(mine: list[Value]) -> list[Value]:
    """Return the items of all processes, in the order of the processes."""
    from accelerate.utils import gather_object

    if how_many() == 1:
        return mine
    every: list[Value] = gather_object(mine)
    return every


def any_of(mine: bool) -> bool:
    """Tell whether it is true in any process; all of them have to call it."""
    from accelerate.utils import reduce

    if how_many() == 1:
        return mine
    return bool(reduce(tensor(float(mine), device=_state().device), "mean") > 0)


def share_of(items: Sequence[Value]) -> list[Value]:
    """Return the items of this process, as many as every other process has."""
    state = _state()
    return share(items, state.process_index, state.num_processes)


def share(items: Sequence[Value], index: int, processes: int) -> list[Value]:
    """Return items[index::processes], padded by repetition to the length of the longest share.

    A model whose weights are spread over the processes answers only where all of them ask.
    """
    rounds = -(-len(items) // processes)
    numbers = range(index, rounds * processes, processes)
    return [items[number % len(items)] for number in numbers]


def wait() -> None:
    """Wait until all processes are here."""
    _state().wait_for_everyone()
