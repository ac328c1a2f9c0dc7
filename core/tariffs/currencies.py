"""Currencies and their minor units: ISO 4217 (list one, current codes), and `msat`, the thousandth of a satoshi."""

from __future__ import annotations

from typing import Final

MSAT: Final = "msat"

_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU "
    "MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
    "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES "
    "WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

EXPONENTS: Final[dict[str, int]] = {MSAT: 0} | {
    code: exponent for exponent, codes in _BY_EXPONENT.items() for code in codes.split()
}
"""Currency → decimals of its minor unit: 2 for EUR (cents), 0 for JPY and msat, 3 for KWD."""


def amount(minor_units: int, currency: str) -> str:
    """An integer amount as people write it: 1234 EUR → "12.34 EUR", 1234 msat → "1234 msat"."""
    exponent = EXPONENTS[currency]
    sign, digits = ("-" if minor_units < 0 else ""), str(abs(minor_units)).rjust(exponent + 1, "0")
    number = f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits
    return f"{sign}{number} {currency}"
