"""What a trainer learns from a row: a prompt and its answer."""

from typing import NamedTuple

from chinchilla.schema import InstructionRow


class Turn(NamedTuple):
    """One row as a format gives it back; a format that joins the prompt leaves `input` empty."""

    instruction: str
    input: str
    output: str

    @property
    def prompt(self) -> str:
        """Return what the model is shown: instruction and input, a newline between them.

        The join is LLaMA-Factory's for alpaca rows (data/README.md), so that every format of
        an export shows a model the same prompt.
        """
        return "\n".join(part for part in (self.instruction, self.input) if part)


def turn_of(row: InstructionRow) -> Turn:
    """Return the turn of a row."""
    return Turn(row.instruction, row.input, row.output)
