"""Fusion networks: nothing but modules and shapes."""
