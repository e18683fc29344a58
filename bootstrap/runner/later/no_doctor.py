"""Stands in for the verbs that a payload without room for them leaves out: those of doctor.py and spare.py."""


def doctor(*words):
    print("this was left out of this payload, which had no room for it; try: initialrunner why; df -h; df -i; findmnt")
    return 2


timeline = history = verify = say_stages = doctor
