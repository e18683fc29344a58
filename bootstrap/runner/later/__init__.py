"""Code that a bundle compiles only when it is needed: the rare moments of a run, and the verbs of `initialrunner`.

A bundle compiles these modules in this order until it has the name that it looks for. Thus a function may use names of
modules before its own; it asks `later` for a name of a module behind its own.
"""

_RUN = ("opening", "reboot", "recovery", "leaving", "moved", "fetch")
MODULES = (*_RUN, "turn", "show", "doctor", "spare", "byhand", "verbs")
# Verbs that no tick needs give way to a line that says so, for a channel in which every byte counts: first those that
# look back, then `doctor` as well.
LEAN_MODULES = (
    (*_RUN, "turn", "show", "doctor", "no_spare", "byhand", "verbs"),
    (*_RUN, "turn", "show", "no_spare", "no_doctor", "byhand", "verbs"),
)
