"""Bills: usage and cost per client for a period, closing it, adjusting it afterwards, and checking what was frozen.

Usage comes from the roll-ups, prices from a tariff; everything is an integer. A closed period is never changed: what is
counted later, and credits, are adjustments beside it. docs/billing.md is the method in words.
"""

from core.billing.adjusting import adjust, credit
from core.billing.checking import Tampered, check
from core.billing.closing import close
from core.billing.entries import Adjustment, ClosedPeriod, listing

__all__ = ["Adjustment", "ClosedPeriod", "Tampered", "adjust", "check", "close", "credit", "listing"]
