"""Manifest schema, label policies, splits and audits."""
