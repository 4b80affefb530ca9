"""Who trains and who is tested, and the trainings that follow."""
