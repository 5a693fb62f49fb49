"""The only place that joins readers, sources, prompts and files: plan, run, write, manifest."""
