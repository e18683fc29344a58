"""The one table of defaults: the spec, the rendered plan, what people are shown and the host all read it.

A plan leaves out what is at its default, since bytes matter, and `filled` puts it back. A bundle carries this table
beside its plan, so a default that changes here changes for what is rendered from then on, and an older bundle keeps the
one that it was rendered with. That is why the table needs no version.
"""

PLAN = {"deadline_s": 3600, "trigger": "auto", "rollback": False}  # type: dict
STAGE = {
    "timeout_s": 900, "user": "root", "attempts": 1, "delay_s": 10, "max_delay_s": 300, "on_interrupt": "retry",
    "reboot": "never", "rerun": "changed",
}  # type: dict  # fmt: skip
HEALTH = {"deadline_s": 600, "stable": 1, "interval_s": 1}  # type: dict
CHECK = {"status": 200}
FILE = {"mode": 0o644, "user": "root", "group": "root", "secret": False, "keep": True}  # type: dict
# The modes of secret files are always in the plan, so the host does not need this one.
SECRET_MODE = 0o600
# Settings of an image, for the program that it carries.
BAKED = {"cloud_init_deadline_s": 600}


def filled(plan):
    """A host plan that says everything which it may leave out. The plan that is given stays as it is."""
    plan = dict(PLAN, **plan)
    for key, table in ("files", FILE), ("stages", STAGE), ("every_boot", STAGE):
        plan[key] = [dict(table, **entry) for entry in plan.get(key, [])]
    if "health" in plan:
        plan["health"] = dict(HEALTH, **plan["health"])
        plan["health"]["checks"] = [dict(CHECK, **check) for check in plan["health"]["checks"]]
    return plan
