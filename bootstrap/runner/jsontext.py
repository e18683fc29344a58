"""JSON by the C half of Python's json: the other half loads `re`, which takes as much CPU as the start of Python."""


class Defaults:
    """The settings that json.loads() has by itself, for the C half to read."""

    strict, object_hook, object_pairs_hook = True, None, None
    parse_float, parse_int, parse_constant = float, int, float


def loads(text):
    """Return what json.loads() returns, and raise what it raises."""
    try:
        from _json import make_scanner

        value, end = make_scanner(Defaults)(text, 0)
        if end == len(text):
            return value
    except Exception:
        pass
    # A fault in the text, spaces around it, or a Python whose halves share their work in another way.
    import json

    return json.loads(text)


def dumps(value):
    """Return what json.dumps() returns with sorted keys, and raise what it raises."""
    try:
        from _json import encode_basestring_ascii, make_encoder

        encode = make_encoder(None, None, encode_basestring_ascii, None, ": ", ", ", True, False, True)
        return "".join(encode(value, 0))
    except Exception:
        import json

        return json.dumps(value, sort_keys=True)
