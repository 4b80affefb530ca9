"""Functions that parsers share: finding files, reading lists, spelling names."""
