from hypothesis import settings

# The first call of a function may import a library: a deadline would measure the machine, not the code.
settings.register_profile("mer", deadline=None)
settings.load_profile("mer")
