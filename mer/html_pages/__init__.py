"""The frame of all HTML pages: style, tables, the script that sorts and filters them, and the security policy."""
