"""Stands in for doctor.py and spare.py in a payload without room for these verbs."""


def doctor(*words):
    print("this verb was left out of this payload for lack of room; try: initialrunner why; df -h; df -i; findmnt")
    return 2


timeline = history = verify = preview = doctor
