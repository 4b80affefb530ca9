"""From files to stretches with their sound, pictures and words."""
