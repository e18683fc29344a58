"""The roll-out: new servers are made and proven, put into the pools, and the old ones leave; on a failure the new ones.

From the top: `plan` decides everything, `roll` goes through the tiers, `gate` proves the new servers, `swap` moves the
pools, `undo` takes back, `reap` removes what is left. All of them change the world only by `calls`, which journals each
call before and after. `model` has the facts, `protocols` what is asked of the world, `drivers` those who answer.
"""
