"""The code that runs on hosts: standard library only, Python 3.6 to 3.14, and nothing else of this tree.

It is three programs over one ground:
- `tick/` is what the trigger starts every minute; `tick/run.py` has its entry, `main`;
- `later/` is compiled when a run needs it: rare moments, and the verbs of the `initialrunner` command;
- `baked/` is the program that an image carries to find a bundle;
- the modules here are the ground: `contract` (names that generator, runner and collector agree on), `host` (the
  machine: its files are in `disk`, its children in `processes`, its console and motd in `console`), `terminal` (text
  for people), and two that bring `later` and the packed texts: `bundle` in a checkout, `loader` in a bundle.
"""
