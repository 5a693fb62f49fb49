"""One module a file shape: a slice of a file to rows, each with the place it stands at."""
