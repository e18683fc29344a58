"""Code that a bundle compiles only when it is needed: the rare moments of a run, and the verbs of `initialrunner`.

A bundle compiles these modules in this order until it has the name that it looks for. Thus a function may use names of
modules before its own; it asks `later` for a name of a module behind its own.
"""

MODULES = ("lifecycle", "moved", "fetch", "turn", "show", "doctor", "spare", "byhand", "admin")
# Where every byte counts, verbs that no tick needs give way to a line that says so.
LEAN_MODULES = ("lifecycle", "moved", "fetch", "turn", "show", "no_doctor", "byhand", "admin")
