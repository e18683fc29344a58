"""Stands in for the verbs that a payload without room for them leaves out: those of doctor.py and spare.py."""


def doctor(*words):
    print("this verb was left out of this payload for lack of room; try: initialrunner why; df -h; df -i; findmnt")
    return 2


timeline = history = verify = say_stages = doctor
