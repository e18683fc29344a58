"""Stands in for `doctor` in a payload that has no room for it."""


def doctor(host, plan, words):
    print("`doctor` was left out of this payload, which had no room for it; try: initialrunner why")
    return 2
