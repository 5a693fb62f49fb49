"""What a trainer learns from a row: a prompt and its answer."""

from typing import NamedTuple

from chinchilla.schema import InstructionRow, join_prompt


class Turn(NamedTuple):
    """One row as a format gives it back; a format that joins the prompt leaves `input` empty."""

    instruction: str
    input: str
    output: str

    @property
    def prompt(self) -> str:
        """Return what the model is shown."""
        return join_prompt(self.instruction, self.input)


def turn_of(row: InstructionRow) -> Turn:
    """Return the turn of a row."""
    return Turn(row.instruction, row.input, row.output)
