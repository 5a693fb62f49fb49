"""Fine-tuning on built rows: encode, train, choose the checkpoint by extraction F1, keep a run."""
