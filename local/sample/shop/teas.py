# SPDX-License-Identifier: Apache-2.0
"""The teas on sale: names in English and Korean, prices in won."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tea:
    """One tea. `price` is in won, for 50 grams."""

    id: str
    english: str
    korean: str
    price: int


TEAS = {
    tea.id: tea
    for tea in (
        Tea("sencha", "Sencha", "센차", 12_000),
        Tea("sejak", "Hadong sejak green tea", "하동 세작", 28_000),
        Tea("barley", "Roasted barley tea", "보리차", 6_000),
        Tea("omija", "Omija berry tea", "오미자차", 15_000),
        Tea("yuja", "Yuja marmalade tea", "유자차", 14_000),
        Tea("earl-grey", "Earl Grey", "얼그레이", 11_000),
    )
}
