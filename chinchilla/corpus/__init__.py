"""From raw files to checked records: cards, finding files, mapping, carving, what was read."""
