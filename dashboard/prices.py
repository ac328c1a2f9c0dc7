"""Prices to try out on the bandwidth page, in place of the setting TARIFF; kept in the address like every filter."""

from __future__ import annotations

import json

import streamlit as st

from core.settings import get_settings
from core.tariffs import Tariff, read_tariff
from core.tariffs.currencies import EXPONENTS

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "msat")


def tried() -> Tariff | None:
    """The prices entered, else those of the settings; None: neither. A price that cannot be used is said."""
    configured = get_settings().tariff
    with st.popover("Prices", icon=":material/sell:"):
        st.caption("Try prices per GB. Nothing is stored: bills follow the setting TARIFF.")
        home = configured.currency if configured else "EUR"
        names = list(dict.fromkeys((home, *CURRENCIES, *sorted(EXPONENTS))))
        currency = st.selectbox("Currency", names, key="currency", bind="query-params")
        going = st.text_input("Per GB out", key="per_gb_out", bind="query-params", placeholder="0.05")
        coming = st.text_input("Per GB in", key="per_gb_in", bind="query-params", placeholder="0.01")
    entered = {"per_gb_out": (going or "").strip(), "per_gb_in": (coming or "").strip()}
    prices = {name: price for name, price in entered.items() if price}
    if not prices:
        return configured
    try:
        return read_tariff(json.dumps({"currency": currency} | prices))
    except ValueError as error:
        st.warning(f"This price {error}. It is left out.", icon=":material/sell:")
        return configured
