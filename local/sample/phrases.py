"""What the demo's customers write, in English and Korean: an opening, what happened, an end, put together at random."""

Phrases = dict[str, tuple[tuple[str, ...], ...]]

COUPON_FAILS: Phrases = {
    "en": (("", "Hello, ", "Third order here. ", "So annoying: ", "Please look into this: ", "First visit and "),
           ("my coupon {code} was not applied at checkout", "the coupon {code} does nothing at checkout",
            "no discount at checkout although I entered my coupon {code}", "checkout ignores my coupon {code}",
            "the discount of my coupon {code} is missing from the total",
            "the coupon {code} is accepted but the price stays the same"),
           (".", ". I paid the full price.", ". Please fix the coupon.", ". Not ordering again until it works.",
            ". What is a coupon good for then?", ", on the phone and on the computer.")),
    "ko": (("", "안녕하세요. ", "세 번째 주문인데 ", "정말 답답하네요. ", "확인 부탁드려요. ", "처음 주문했는데 "),
           ("쿠폰 {code}이 결제할 때 적용되지 않아요", "쿠폰 {code}을 넣어도 할인이 안 돼요",
            "결제 화면에서 쿠폰 할인이 빠져 있어요", "쿠폰을 입력했는데 금액이 그대로예요",
            "쿠폰 적용이 안 됩니다", "할인 쿠폰 {code}이 먹통이에요"),
           (".", ". 정가로 결제했어요.", ". 쿠폰 좀 고쳐 주세요.", ". 될 때까지 주문 안 할래요.", ". 쿠폰이 무슨 소용인가요?",
            ". 휴대폰에서도 컴퓨터에서도 똑같아요.")),
}
ERRORS: Phrases = {
    "en": (("", "Help! ", "Again: "), ("the checkout shows an error", "I get an internal error instead of my order",
                                        "the order page is broken"), (".", ", I gave up.", " and my order is lost.")),
    "ko": (("", "또 ", "급해요! "), ("주문 화면에서 오류가 나요", "결제하려는데 에러만 나옵니다", "주문 페이지가 열리지 않아요"),
           (".", ". 포기했어요.", ". 주문을 못 했습니다.")),
}
COUPON_WORKS: Phrases = {
    "en": (("", "Thank you! ", "Great: "), ("the coupon worked right away", "got my discount with {code}",
                                             "ordering with the coupon was easy"),
           (".", ", lovely tea too.", ". I will be back.")),
    "ko": (("", "감사합니다! ", "좋아요! "), ("쿠폰 할인이 바로 됐어요", "{code} 쿠폰 잘 썼습니다", "쿠폰으로 싸게 샀어요"),
           (".", ". 차도 맛있어요.", ". 또 올게요.")),
}
