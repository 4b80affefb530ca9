"""One module for each corpus; corpora whose file names say everything have a row each."""
