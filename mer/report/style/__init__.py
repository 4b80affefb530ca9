"""What tables and figures share: axes, colours, numbers."""
