"""A run: its folder, its trained model, and its evaluation on a split."""
