"""One module a file shape: a slice of a file to rows with their lines, and what rows share."""
