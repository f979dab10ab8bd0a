"""What personal data looks like: forms, and where one exists a check, or a word near it that tells.

Checks: Luhn for cards, modulus 97 for IBANs, the weights of Korean business numbers. Resident and foreigner numbers have
none that holds: those issued since October 2020 have no check digit. Every repetition is bounded, and no two of a form can
match the same characters, so that no text makes a search slow.
"""

import re
import unicodedata
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

_DIGITS = re.compile(r"\D")


class Rule(NamedTuple):
    """A form of personal data. Where the form has a group `it`, that alone is personal.

    `holds` checks what was found, and `before` must match the text right before it. To be quick, only text with one of `needs`
    in it (lower case) is looked at, and a stretch of digits only from `least` characters on.
    """

    name: str
    form: re.Pattern[str]
    holds: Callable[[str], bool] | None = None
    before: re.Pattern[str] | None = None
    needs: tuple[str, ...] = ()
    least: int = 0


def _digits(text: str) -> list[int]:
    return [unicodedata.digit(character) for character in _DIGITS.sub("", text)]


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, the digit sum a multiple of ten."""
    digits = _digits(text)[::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0 and len(set(digits)) > 2


def _iban(text: str) -> bool:
    """ISO 13616: moved four places and read as base 36, the remainder by 97 is 1."""
    letters = text.replace(" ", "").upper()
    return int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1


def _business(text: str) -> bool:
    """The check digit of Korea's National Tax Service: weights 1 3 7 1 3 7 1 3 5, and the tens of the last product."""
    digits = _digits(text)
    total = sum(digit * weight for digit, weight in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=False))
    return (10 - (total + digits[8] * 5 // 10) % 10) % 10 == digits[9]


def _not_a_time(text: str) -> bool:
    """Twelve digits in a row that read as 2021 09 30 17 20 are a time, and ones all alike are noise: no driver licence."""
    return len(set(text)) > 3 and not re.fullmatch(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])[0-2]\d[0-5]\d", text)


def _ipv6(text: str) -> bool:
    try:
        return any(map(str.isdigit, text)) and ip_address(text).version == 6
    except ValueError:
        return False


def _international(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


def _local(text: str) -> bool:
    return 7 <= len(_digits(text)) <= 15


# Not a given name, though a surname's syllable stands before it: 박감독님, 구매자님, 선생님.
_TITLE = re.compile("감독|작가|선생|사장|과장|부장|차장|대리|기자|교수|배우|피디|의사|기사|사원|팀장|원장|실장|반장|회장|대표"
                    "|고객|주인|변호|간호|검사|판사|형사|이사|총장|학생|아저|아줌|여러|부모|조교|코치|가수|매니|강사|목사|신부|스님|어머|아버|할머|할아|사모|손님"
                    "|점장|국장|이장|소장|인공|의원|장관|.자|국인|학원|장인|무원|등학|천사|해주|시는|하신")


def _korean_name(text: str) -> bool:
    return not _TITLE.fullmatch(text[1:])


_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_BIRTH = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_GAP = r"[-–. )]{0,2}"
_PLATE = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자하허호배"
_BANK = r"(?:계좌|은행|뱅크|농협|신협|우체국|새마을금고|입금|(?i:\baccount|\bacct))[^\d\n]{0,15}$"
_CALLED = (r"(?:전화|연락처|휴대폰|핸드폰|팩스|(?i:\b(?:phone|mobile|cell|fax|tel|desk|office|contact|whatsapp|telephone"
           r"|call(?: me)?(?: (?:at|on))?|answering at|messages (?:to|from)|reach (?:me|us) (?:at|on)|registered)))[^\w+(]{0,6}$")
_CARD = r"(?:카드|(?i:\bcard|\bcc\b|\bcredit|\bvisa|\bamex|\bmastercard))[^\d\n]{0,24}$"
_LICENCE = r"(?i:\bdriv(?:er'?s?|ing) licen[cs]e)[^\d\n]{0,24}$"
_PROVINCE = "서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충청|충북|충남|전라|전북|전남|경상|경북|경남|제주"
_SURNAME = ("김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민나진지엄채원천방공현함변염여추도소석"
            "선설마길연위표명기반왕금옥육인맹제모탁국")
_HOUSE = r"(?:-\d{1,4})?(?:번지)?(?:,? ?\d{1,4}동)?(?:,? ?\d{1,2}층)?(?:,? ?\d{1,5}호)?"
_NAME = rf"[{_SURNAME}][가-힣]{{2}}"
_LATIN = "[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿāăąćčđēęěğīįłńňōőřśşšťūůűźżž'’-]{1,24}"
_PERSON = rf"{_LATIN}(?: [A-Z]\.?(?= ))?(?: (?:van|von|de|der|da|di|el|al))?(?: {_LATIN}){{0,2}}"
_WAY = (r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Way|Parkway"
        r"|Pkwy|Highway|Hwy|Close|Crescent|Circle|Trail|Gardens|Grove|Hill|Row|Mews|Walk)\b\.?")
_STATE = ("A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]")
_UNIT = r"(?:Apt\.?|Apartment|Suite|Ste\.|Unit) ?#?\d{1,5}[A-Z]?\b"
_DATE = (r"(?:(?:19|20)\d\d[-./년] ?\d{1,2}[-./월] ?\d{1,2}일?|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d"
         r"|\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]{2,8},? (?:19|20)\d\d|[A-Z][a-z]{2,8} \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d)")


# `needs` is written as words with | between them, _ for a space.
def _rule(name: str, form: str, holds: Callable[[str], bool] | None = None, before: str = "",
          needs: str = "", least: int = 0) -> Rule:
    words = tuple(needs.replace("_", " ").split("|")) if needs else ()
    return Rule(name, re.compile(form), holds, re.compile(before) if before else None, words, least)


# In this order: what is more specific goes first.
NUMBERS = [
    _rule("resident number", rf"(?<!\d){_BIRTH}[-– ]?[1-4]\d{{6}}(?!\d)", least=13),
    _rule("foreigner number", rf"(?<!\d){_BIRTH}[-– ]?[5-8]\d{{6}}(?!\d)", least=13),
    _rule("card", r"(?<![\d-])(?:\d{4}(?P<gap>[- ]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?:(?P=gap)\d{3})?"
                  r"|3[47]\d{2}[- ]?\d{6}[- ]?\d{5}|[3-6]\d{13,18})(?![\d-]{0,20}\d)", _luhn, least=14),
    _rule("card", r"(?<![\d-])\d{12,19}(?!\d)", _luhn, _CARD, least=12),
    _rule("phone", rf"(?<!\d)(?:\+?82{_GAP}(?:\(0\))?0?|0)1[016789]{_GAP}\d{{3,4}}[-–. ]{{0,2}}\d{{4}}(?!\d)", least=9),
    _rule("phone", rf"(?<!\d)(?:\+82{_GAP}|\(?0)(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50\d){_GAP}\d{{3,4}}[-–. ]?\d{{4}}(?!\d)",
          least=9),
    _rule("phone", r"(?<![\w+])\+[1-9]\d{0,2}(?:[-–. ()]{0,2}\d{1,4}){2,6}(?!\d)", _international, least=8, needs="+"),
    _rule("phone", r"(?<![\d-])(?:\+?1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-.])[2-9]\d{2}[-.]\d{4}(?:x\d{1,5})?(?![\d-])",
          least=12),
    _rule("social security number", r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])", least=11, needs="-"),
    _rule("driver licence", r"(?<![\w-])[A-Za-z]?\d[\d-]{4,16}\d(?![\w-])", None, _LICENCE, least=6),
    _rule("driver licence", r"(?<![\d/-])(?:1[1-9]|2[0-8])(?P<gap>[- ]?)\d{2}(?P=gap)\d{6}(?P=gap)\d{2}(?![\d-])", _not_a_time,
          least=12),
    _rule("business number", r"(?<![\d-])\d{3}(?P<gap>-?)\d{2}(?P=gap)\d{5}(?![\d-]{0,20}\d)", _business, least=10),
    _rule("account", r"(?<!\d)\d[\d -]{6,18}\d(?!\d)", None, _BANK, least=8),
    _rule("passport", r"(?<![A-Za-z0-9])[MSRODmsrod]\d{3}(?:[A-Za-z]\d{4}|\d{5})(?![A-Za-z0-9])", least=8),
    _rule("plate", rf"(?<!\d)\d{{2,3}}[{_PLATE}] ?\d{{4}}(?!\d|[년월원명개]|,\d)", least=7),
    _rule("ip", rf"(?<![\w.])(?<!version )(?<!버전 )(?:{_BYTE}\.){{3}}{_BYTE}(?![\w.]{{0,16}}\d)", least=7, needs="."),
    _rule("phone", r"(?<![\w+])[+(]?\d(?:[-–. ()]{0,2}\d){6,14}(?:x\d{1,5})?(?!\d)", _local, _CALLED, least=7),
    _rule("phone", r"(?<![\w+-])[+(]?\d(?:[-–. ()]{0,2}\d){6,14}(?=[ -](?i:office|fax|mobile|cell|home)\b)", _local, least=7),
]
CREDENTIALS = _rule("credentials", r"(?<=://)[^\s/@]{1,128}(?=@)")
IBAN = _rule("iban", r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b", _iban)
IPV6 = _rule("ip", r"(?<![\w:.])[0-9A-Fa-f:]{3,39}(?:\.\d{1,3}){0,3}(?![\w:])", _ipv6)
WORDS = [
    _rule("birth date", rf"(?:생년월일|생일|(?i:\bborn on|\bdate of birth|\bdob\b|\bbirth ?dates?))[^\d\n]{{0,20}}?"
                        rf"(?P<it>{_DATE})", needs="생년월일|생일|born on|birth|dob"),
    _rule("address", rf"(?:(?:{_PROVINCE})[가-힣]{{0,6}} )(?:[가-힣]{{1,8}}[시군구] ){{0,2}}[가-힣\d]{{1,12}}(?:로|길|동|읍|면)"
                     rf" ?\d{{1,4}}(?:번?길)?(?: ?\d{{1,4}})?{_HOUSE}",
          needs="서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충|전라|전북|전남|경상|경북|경남|제주"),
    _rule("address", r"(?<![가-힣])(?:[가-힣]{1,7}[시군구] ){1,2}(?:[가-힣]{1,6}[읍면] )?[가-힣\d]{1,12}(?:로|길|동|리)"
                     rf" ?\d{{1,4}}(?:번?길)?(?: ?\d{{1,4}})?{_HOUSE}",
          needs="시_|군_|구_"),
    _rule("address", r"(?<![가-힣\d])(?:[가-힣]{2,10}(?:로|길) ?\d{1,4}(?:-\d{1,4})?,? )?\d{1,4}동 ?\d{2,5}호", needs="호"),
    _rule("address", rf"\b\d{{1,5}} (?:{_LATIN} |[NSEW]\.? ){{1,3}}{_WAY}(?:\s?,?\s?{_UNIT})?"
                     rf"(?:,? [A-Z][a-z]+(?: [A-Z][a-z]+)?, (?:{_STATE}) \d{{5}}(?:-\d{{4}})?)?",
          needs="_st|_ave|_road|_rd|_boul|_blvd|_lane|_ln|_dr|_court|_ct|_pl|_sq|_terr|_way|_park|_pk|_high|"
                "_hw|_clos|_cres|_circ|_trail|_gard|_grov|_hill|_row|_mews|_walk"),
    _rule("address", r"\b(?:PSC|Unit|CMR) \d{1,5},? Box \d{1,5}(?:\s{1,3}[AFD]P[O] A[AEP] \d{5})?|\b[AF]PO A[AEP] \d{5}"
                     r"|\b(?:P\.? ?O\.? ?Box|Postbox|POBox) \d{1,6}", needs="box|apo_|fpo_|dpo_"),
    _rule("address", rf"(?i:\baddress(?: is| to|:)|\blives? (?:at|on)|\blocated at|\boffice is at|\bmeet me at)\s{{1,8}}"
                     rf"(?P<it>\d{{1,5}} (?:[\w.'-]{{1,24}} ?){{1,6}}(?:\n? ?{_UNIT})?)",
          needs="address|live|located at|office is at|meet me at"),
    _rule("address", rf"(?:\b\d{{4,5}} )?(?:\b{_LATIN}(?: [\w.]{{1,20}}){{0,3}} \d{{1,4}})\s{{1,3}}(?:Apt\.|Suite) \d{{1,5}}\b",
          needs="apt.|suite"),
    _rule("address", r"(?<!Test )(?<!test )\b(?:Apt\.|Suite) \d{3,5}\b", needs="apt.|suite"),
    _rule("address", rf",\s{{1,2}}(?P<it>(?:{_STATE})\s{{1,2}}\d{{5}}(?:-\d{{4}})?)\b", needs=",_|,\n"),
    _rule("address", r"(?:우편번호|(?i:\b(?:zip|postal|post)(?: ?code)?(?: is)?\b))[:：]?\s{0,3}"
                     r"(?P<it>\d{3,6}(?:[- ]\d{2,4})?(?: [A-Z]{2}\b)?|[A-Z]\d[A-Z] ?\d[A-Z]\d"
                     r"|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b",
          needs="우편번호|zip|post"),
    _rule("name", r"(?<![가-힣])(?:받는\s?(?:분|사람)|보내는\s?(?:분|사람)|수령인|수취인|예금주|성함|성명|고객명)"
                  r"[은는이]?\s?[:：]?\s?(?P<it>[가-힣]{2,4})(?![가-힣])",
          needs="받는|보내는|수령인|수취인|예금주|성함|성명|고객명"),
    _rule("name", rf"(?<![가-힣])(?:이름|담당자|주문자|구매자|예약자|신청자|작성자)\s?[:：]\s?"
                  rf"(?P<it>{_NAME}|[{_SURNAME}][가-힣])(?![가-힣])",
          needs="이름|담당자|주문자|구매자|예약자|신청자|작성자"),
    _rule("name", rf"(?:이름은|이름이)\s?(?P<it>{_NAME})(?=입니다|이고|이에요|예요|[\s.,]|$)", _korean_name,
          needs="이름은|이름이"),
    _rule("name", rf"(?<![가-힣])(?P<it>{_NAME})(?:\s?고객님|\s?씨(?![가-힣]{{2}})|(?<!아)님|\s님)", _korean_name, needs="님|씨"),
    _rule("name", rf"(?<![가-힣])(?P<it>{_NAME})(?:입니다|이에요|예요|라고 합니다)"
                  r"(?=[^\n]{0,40}(?:\[(?:phone|email|account|address)\]))", _korean_name,
          needs="[phone]|[email]|[account]|[address]"),
    _rule("name", rf"\b(?:M(?:rs?|s)|Dr|Prof)\.? (?P<it>{_PERSON})", needs="mr|ms|dr|prof"),
    _rule("name", rf"(?i:\bmy name is|\b(?:last|first|maiden|full) name(?: is|\?|:)|\bname on the account\?(?: user:)?)\s{{1,4}}"
                  rf"(?P<it>{_PERSON})", needs="name"),
    _rule("name", rf"(?m:^)[>\s]{{0,4}}(?:Name|name):\s{{1,8}}(?P<it>{_LATIN} (?:[A-Z]\.? )?{_LATIN})[ \t]*(?m:$)",
          needs="name:"),
]
