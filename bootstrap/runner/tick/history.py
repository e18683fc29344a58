"""Facts about a stage that follow from the events of a journal. Pure: events in, facts out."""

INTERRUPTS, INTERRUPTS_OVER_BOOTS, REBOOTS = 20, 3, 3


class StageFacts:
    """One stage as the journal has it.

    state: a word of contract.STAGE_STATES; attempt: the number of the last one begun; failed: attempts used up;
    open: the stage.started without an end, None when there is none (`interrupted` settles nothing: the attempt is open
    until it ends or another begins); cut: interruptions in a row; cut_boots: those of them that a reboot caused; end:
    the last stage.ended.
    """

    def __init__(self, events, name):
        self.state, self.attempt, self.failed = "pending", 0, 0
        self.open = self.end = None
        self.cut = self.cut_boots = 0
        for event in events:
            if event.get("stage") == name:
                self.take(event)
            elif event.get("stage") == name + ".undo" and event["type"] == "stage.ended":
                self.state = "pending"  # nor may a later deploy take it for done

    def take(self, event):
        """Follow one event of this stage."""
        kind = event["type"]
        if kind == "stage.started":
            self.state, self.open, self.attempt = "running", event, event["attempt"]
        elif kind == "interrupted":
            self.state = "interrupted"
            self.cut += 1
            self.cut_boots += event.get("rebooted", False)
        elif kind == "stage.ended":
            result = event["result"]
            self.open, self.end = None, event
            if result != "interrupted":
                self.cut = self.cut_boots = 0
            self.failed += result == "failed"
            self.state = result
            if result == "again" or (result == "failed" and not event.get("final")):
                self.state = "pending"

    @property
    def too_often(self):
        """Whether the interruptions in a row are as many as are put up with: more would go on without end."""
        return self.cut >= INTERRUPTS or self.cut_boots >= INTERRUPTS_OVER_BOOTS


def final(events):
    """Return the state event after which nothing more happens, None while there is none."""
    for event in reversed(events):
        if event["type"] == "state":
            return event if event.get("final") else None
    return None
