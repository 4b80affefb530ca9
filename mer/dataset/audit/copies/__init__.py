"""Recordings that occur twice, exactly, nearly or altered."""
