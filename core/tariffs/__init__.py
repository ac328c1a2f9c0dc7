"""What usage costs: the operator's prices, read from the setting TARIFF, and exact integer arithmetic over them."""

from core.tariffs.prices import COST_LINES, Price, Tariff, Tier, Usage, half_up
from core.tariffs.reading import read_tariff

__all__ = ["COST_LINES", "Price", "Tariff", "Tier", "Usage", "half_up", "read_tariff"]
