"""Where a payload's own files lie on the host: one name for generator and runner."""

from __future__ import annotations

from bootstrap.runner.host import BUNDLE as BUNDLE
from bootstrap.runner.host import STATE as STATE
from bootstrap.runner.host import STUB as STUB
from bootstrap.runner.host import TRIGGER as TRIGGER
