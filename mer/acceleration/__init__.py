"""Code that only makes training faster or smaller: the same results as the plain formulas, up to rounding."""
