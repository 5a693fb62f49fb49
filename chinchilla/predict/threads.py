"""Processor threads: how many, and that waiting ones sleep."""

import os


def use_threads(number: int) -> None:
    """Set the threads of torch, 0 leaves them; to be called before torch is first imported.

    Threads of OpenMP wait by spinning unless told otherwise, which slows a shared machine down
    three to ten times.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if number:
        import torch

        torch.set_num_threads(number)
