"""The program that an image carries: it finds a bundle and starts it. A bundle never holds it."""

# In the order of their imports.
MODULES = ("signed", "planned", "unwrapping", "sources", "carried", "program", "verbs")
