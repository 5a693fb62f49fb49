"""Several processes of one training: which is the first, and what it tells the others."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from torch import Tensor, cuda, tensor

from chinchilla.errors import ChinchillaError
from chinchilla.predict.model_loading import device

Value = TypeVar("Value")


def _state() -> Any:
    from accelerate import PartialState

    return PartialState(cpu=device() == "cpu")


def is_first() -> bool:
    """Tell whether this process is the one that writes and speaks."""
    return bool(_state().is_main_process)


def how_many() -> int:
    """Return how many processes train together."""
    return int(_state().num_processes)


def alone() -> bool:
    """Tell whether there is no other process."""
    return how_many() == 1


def idle_gpus() -> str | None:
    """Return a line about GPUs that a training alone leaves idle, null where there are none."""
    return idle(cuda.device_count()) if alone() else None


def idle(gpus: int) -> str | None:
    """Return a line on how to use so many GPUs, null where one process does."""
    if gpus < 2:
        return None
    use = f"torchrun --nproc-per-node {gpus} -m chinchilla train"
    return f"one of {gpus} GPUs is used; to use them all, begin with: {use}"


def from_first(value: Value) -> Value:
    """Return the first process's value in all of them; one process alone keeps its own."""
    from accelerate.utils import broadcast_object_list

    if alone():
        return value
    found = [value]
    broadcast_object_list(found)
    return found[0]


def by_first(make: Callable[[], Value]) -> Value:
    """Return what the first process makes, in all of them; what is wrong with it all raise.

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

    if alone():
        return mine
    every: list[Value] = gather_object(mine)
    return every


def mean(mine: Tensor) -> Tensor:
    """Return the mean of the tensors of all processes; one process alone keeps its own."""
    from accelerate.utils import reduce

    if alone():
        return mine
    found: Tensor = reduce(mine, "mean")
    return found


def any_of(mine: bool) -> bool:
    """Tell whether any process says yes; each of them has to ask."""
    if alone():
        return mine
    return bool(mean(tensor(float(mine), device=_state().device)) > 0)


def share_of(items: Sequence[Value]) -> list[Value]:
    """Return the items this process takes on, as many as every other process does."""
    state = _state()
    return share(items, state.process_index, state.num_processes)


def share(items: Sequence[Value], index: int, processes: int) -> list[Value]:
    """Return each so manieth item; some are taken twice, so that all shares are as long.

    A model whose weights are spread over the processes answers only where all of them ask.
    """
    rounds = -(-len(items) // processes)
    places = range(index, rounds * processes, processes)
    return [items[place % len(items)] for place in places]


def wait() -> None:
    """Wait until all processes are here."""
    _state().wait_for_everyone()
