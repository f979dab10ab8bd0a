"""What voices are about, in English and Korean alike, so that one trouble told in two languages is one theme.

Each line names a concept and the forms of it: English ones are the beginning of a word, Korean ones stand anywhere. Topics are
what a voice is about; symptoms are what is wrong with it, and bind voices less.
"""

import re
from functools import lru_cache

from include.voc_aggregation.lexicon import matcher

TOPICS = """
coupon: coupon, voucher, promo code, promo-code, discount code, promotion code
coupon: 쿠폰, 할인코드, 할인 코드, 프로모션 코드, 프로모션코드
discount: discount, sale price | 할인
payment: payment, pay, paid, paying, billing, charged, charge | 결제, 지불, 청구
checkout: checkout, check out, check-out | 체크아웃, 결제창, 결제 화면, 결제 페이지, 주문서
refund: refund, money back, reimburs | 환불, 돈 돌려
delivery: deliver, shipping, shipment, shipped, courier, parcel, package arriv | 배송, 배달, 택배, 배송지
order: order, purchase | 주문, 구매
cart: cart, basket | 장바구니, 카트
login: login, log in, log-in, logging in, signin, sign in, sign-in, signing in, logged out | 로그인, 로그아웃
signup: signup, sign up, sign-up, register, registration | 회원가입, 가입
password: password, passcode | 비밀번호, 비번, 패스워드
account: account, profile | 계정, 회원정보, 프로필
verification: verif, authenticat, two-factor, 2fa, otp, sms code | 인증, 본인확인
search: search | 검색
notification: notif, push alert, alert | 알림, 푸시
email: email, e-mail, mail | 이메일, 메일
photo: photo, picture, image, camera | 사진, 이미지, 카메라
video: video, stream, playback | 영상, 동영상, 비디오, 스트리밍
audio: audio, sound, volume, microphone | 소리, 음성, 오디오, 음량, 마이크
subtitle: subtitle, caption | 자막
download: download | 다운로드, 내려받
upload: upload, attach | 업로드, 첨부파일, 첨부 파일, 사진 첨부
sync: sync | 동기화, 연동
backup: backup, back up, restore | 백업, 복원
update: update, upgrade, new version, latest version | 업데이트, 업뎃, 업그레이드, 최신 버전, 버전
install: install | 설치
battery: battery | 배터리
memory: memory, storage space, out of space | 메모리, 저장공간, 용량
network: network, connection, wifi, wi-fi, offline | 네트워크, 와이파이, 인터넷 연결, 오프라인
map: map, location, gps, navigation | 지도, 위치, 길찾기, 내비
language: translat, language, localiz, english version | 번역, 언어, 한국어, 한글
dark_mode: dark mode, dark theme, night mode | 다크모드, 다크 모드, 야간모드, 야간 모드
font: font, text size | 글꼴, 폰트, 글씨
screen: screen, display, layout | 화면, 레이아웃
button: button | 버튼
menu: menu | 메뉴
keyboard: keyboard, typing | 키보드, 자판
design: design, interface, ui, ux | 디자인, 인터페이스
ads: ads, advert, popup, pop-up | 광고, 팝업
subscription: subscri, membership, auto-renew, renewal | 구독, 멤버십, 정기결제, 자동결제
price: price, pricing, cost | 가격, 요금
fee: fee, fees | 수수료, 배송비
point: points, reward, loyalty, mileage | 포인트, 적립, 마일리지
gift: gift | 선물, 기프트
card: card, visa, mastercard | 카드
bank: bank, transfer, wire | 은행, 계좌, 이체, 송금
invoice: invoice, receipt | 영수증, 세금계산서, 계산서
stock: stock, sold out, soldout, inventory | 재고, 품절
size: size, sizing | 사이즈, 치수
quality: quality | 품질, 퀄리티
packaging: packag, wrapping | 포장
return: return it, return my, return polic, return the item, returned the, exchange | 반품, 교환
cancel: cancel | 취소
reservation: reservation, booking, booked, appointment | 예약, 예매
ticket: ticket | 티켓, 입장권
schedule: calendar, schedule | 일정, 캘린더, 달력
support: customer service, customer support, support team, helpdesk, help desk, call center
support: 고객센터, 상담, 고객 지원, 고객지원, 문의
staff: staff, employee | 직원, 점원
review: review, rating | 리뷰, 후기, 평점, 별점
recommendation: recommendation | 추천 목록, 추천목록, 추천 상품
filter: filter, sort | 필터, 정렬
export: export, csv, excel, pdf | 내보내기, 엑셀
import: import | 가져오기, 불러오기
share: share, sharing | 공유
comment: comment, reply | 댓글, 답글
chat: chat, message, messenger | 채팅, 메시지, 메신저, 쪽지
friend: friend, invite, invitation | 친구, 초대
group: team, group, workspace | 그룹, 모임
permission: permission, privacy | 권한, 개인정보
security: security, hacked, vulnerab | 보안이, 보안 문제, 보안문제, 해킹
address: address | 주소
level: level, stage | 레벨, 스테이지, 단계
game: game | 게임
movie: movie, film | 영화
story: plot, storyline | 스토리, 줄거리
acting: acting, actor, actress | 연기, 배우
music: music, song | 음악, 노래
book: book | 책이 안, 책 정보, 전자책, 도서
food: food, meal, taste | 음식
tea: tea | 차 맛, 찻잎, 녹차, 홍차
settings: setting, preference | 설정, 환경설정
file: file, folder, document | 파일, 폴더, 문서
note: note, memo | 메모, 노트
server: server | 서버
test: unit test, test fail, tests fail | 테스트
build: build, compile | 빌드, 컴파일
api: api, endpoint | api
tracking: tracking | 운송장, 배송조회, 배송 조회
accessibility: accessib, screen reader, voiceover | 접근성, 스크린리더
widget: widget | 위젯
tablet: tablet, ipad | 태블릿, 아이패드
"""
SYMPTOMS = """
crash: crash, force close, shuts down, closes itself | 튕기, 튕겨, 튕김, 강제종료, 강제 종료, 앱이 꺼, 꺼짐, 꺼집
freeze: freez, froze, hang, stuck, unresponsive | 멈추, 멈춰, 멈춤, 먹통, 프리징
slow: slow, lag, takes forever, takes ages, sluggish, delay, late | 느리, 느려, 느림, 버벅, 렉이, 렉걸, 지연, 늦게, 늦어, 늦었
error: error, exception, failure, fail | 오류, 에러, 실패
not_applied: not appl, doesn't appl, not accept, isn't accepted, rejected, not valid, invalid
not_applied: 적용
not_working: doesn't work, does not work, not work, isn't work, won't work, broken, can't use, cannot use
not_working: 안 돼, 안돼, 안되, 안 되, 안됨, 안됩, 작동, 되지 않, 되질 않
missing: missing, disappear, lost, gone, vanish | 사라, 없어졌, 누락, 날아갔
wrong: wrong, incorrect, mistake | 잘못, 틀린, 틀려, 이상해
twice: twice, double, duplicate, two times | 두번, 두 번, 중복, 이중
damaged: damaged, broken box, torn, leak, crushed | 파손, 깨진, 깨져, 찢어, 새서
cannot_open: can't open, won't open, doesn't open, not open, can't access, won't load, not load, doesn't load
cannot_open: 안 열, 안열, 열리지, 접속, 들어가지
confusing: confus, hard to use, difficult to | 헷갈, 복잡, 어렵, 어려
expensive: expensive, overpriced, too much money | 비싸, 비싼
want: please add, would be nice, wish, need an option, feature request | 추가, 있으면 좋, 있었으면, 했으면
"""


def _forms(lines: str) -> dict[str, str]:
    forms: dict[str, str] = {}
    for line in lines.strip().splitlines():
        name, _, rest = line.partition(": ")
        forms |= {form.strip(): name for side in rest.split("|") for form in side.split(",") if form.strip()}
    return forms


TOPIC_FORMS, SYMPTOM_FORMS = _forms(TOPICS), _forms(SYMPTOMS)
_ALL = TOPIC_FORMS | SYMPTOM_FORMS
# Short English forms must be whole words (plural allowed), longer ones are beginnings: `deliver` finds `delivery`.
_WHOLE = [form for form in _ALL if form.isascii() and len(form) <= 4]
_START = [form for form in _ALL if form.isascii() and len(form) > 4]
_KOREAN = [form for form in _ALL if not form.isascii()]


_PHRASES = re.compile(rf"\b(?:({matcher(form for form in _START if not form.isalpha())})|"
                      rf"({matcher(form for form in _WHOLE if not form.isalpha())})s?\b)")
_STARTS = re.compile(matcher(form for form in _START if form.isalpha()))
_HANGUL = re.compile(matcher(_KOREAN))
_WORDS = {form: name for form, name in _ALL.items() if form in _WHOLE and form.isalpha()}


@lru_cache(maxsize=200_000)
def of_english_word(word: str) -> str | None:
    """The concept that a lower-case English word names by itself."""
    if found := _WORDS.get(word) or _WORDS.get(word.removesuffix("s")):
        return found
    start = _STARTS.match(word)
    return _ALL[start[0]] if start else None


def of_english_phrases(text: str) -> list[str]:
    """The concepts that several words of a lower-case English text name together."""
    return [_ALL[match[1] or match[2]] for match in _PHRASES.finditer(text)]


def of_korean(text: str) -> list[str]:
    """The concepts that a text names in Korean."""
    return [_ALL[found] for found in _HANGUL.findall(text)]
