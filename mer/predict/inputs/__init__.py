"""From files to segments with their audio, video and text, and to their features."""
