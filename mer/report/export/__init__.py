"""What a paper takes from a finished run: tables in LaTeX, figures with the data behind them, and a datasheet."""
