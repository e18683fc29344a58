"""Stands in for spare.py in a payload without room for its verbs."""


def left_out(*words):
    print("this verb was left out of this payload for lack of room; try: initialrunner why; df -h; df -i; findmnt")
    return 2


timeline = history = verify = preview = left_out
