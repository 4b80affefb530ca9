"""Transfers: requests, resumed downloads, archives, disk space."""
