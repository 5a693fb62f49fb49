"""The only place that joins records, prompts and files: plan, run, write, manifest, read."""
