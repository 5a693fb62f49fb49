"""The command `chinchilla merge`."""

from pathlib import Path

import click

from chinchilla.cli.common import FOLDER, PATH, need, note, say, trust_option


@click.command()
@click.argument("run", type=FOLDER)
@click.option("--out", type=PATH, required=True, help="Folder to write to.")
@trust_option
def merge(run: Path, out: Path, trust_remote_code: bool) -> None:
    """Merge the adapter of RUN into its base, and prove that both say the same."""
    need("train")
    from chinchilla.runs.folder import finished_run
    from chinchilla.train.merge import merge as merge_run

    finished_run(run)
    proof = merge_run(run, out, note, trust_remote_code)
    note(
        f"logits agree: merged and adapter differ by {proof.difference:.1e} of their spread, "
        f"adapter and base by {proof.adapter_effect:.1e}"
    )
    if proof.rounding is not None:
        note(
            f"the base is whole now: merged and adapter on the base in 4 bits, as it was "
            f"trained, differ by {proof.rounding:.1e}"
        )
    say(str(out))
