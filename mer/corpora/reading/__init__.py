"""What parsers share: finding files, reading lists, names."""
