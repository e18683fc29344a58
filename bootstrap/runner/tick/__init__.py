"""The program that every tick runs. It is packed first, and every byte of it counts.

It imports nothing of `later`: it asks for a function there by name, and only then does that module get compiled.
"""

# In the order of their imports.
MODULES = ("signals", "journal", "history", "files", "web", "checks", "report", "logs", "shell", "stages", "run")
