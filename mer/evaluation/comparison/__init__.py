"""Systems against each other, against published numbers, and chosen among."""
