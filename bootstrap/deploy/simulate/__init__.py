"""The roll-out run against a world of its own: no cloud, no network, a clock that jumps, and faults by seed.

`world` has the servers and balancers and how they change by time alone, `nature` how kind it is, `dice` the numbers.
`faults` stands between the core and the drivers of drivers/sim.py and loses answers, refuses and kills; `invariants`
judges each changing call; `scenes` makes a plan and a world of a seed; `seeds` runs many.
"""
