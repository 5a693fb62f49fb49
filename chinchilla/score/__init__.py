"""Gold and predicted to counts, counts to P, R and F1; each number says what it is."""
