"""Identity of recordings, speakers and sentences: by which copies and shared speakers are recognised."""
