"""How bad a trouble is for who tells of it: low, medium, high or critical. Rules for English and Korean.

critical: data lost, a breach, money taken wrongly, nobody can work. high: crashes, or what the product is for can't be done.
medium: a wrong or missing result, an error, slowness. low: looks, wording, a nuisance with a way around it. What none of these
names is medium where it feels bad and low where it hardly does; who is furious is heard one level higher, but never as critical.
"""

from collections.abc import Sequence

from include.voc_aggregation.lexicon import forms

LEVELS = ("low", "medium", "high", "critical")
FURIOUS, HARDLY = -0.8, -0.25
SHARE = 0.1  # of a theme's troubles: so many make a level the theme's
_LOOKED_AT = 1200  # characters: what a long report is about stands at its beginning
_SAID_FIRST = 150  # characters: there it tells of looks, further on a report only mentions them

_CRITICAL = forms(
    r"(?<!no )(?<!without )\b(?:data ?loss|los(?:e|es|t|ing) (?:\w+ ){0,3}(?:data|files?|notes?|photos?|documents?|"
    r"progress|history|"
    r"everything|work|blocks?|edits?|records?|backups?)|(?:data|files?|notes?|photos?|history|orders?|everything|work|"
    r"account)"
    r" (?:\w+ ){0,3}(?:lost|gone|wiped|vanished|disappeared|erased|deleted itself|corrupt\w*)|"
    r"(?:wip|eras|delet)ed (?:all|everything|my (?:\w+ )?(?:data|files?|notes?|photos?|account))|"
    r"corrupt(?:s|ed|ion|ing)?|hacked|security (?:hole|flaw|issue|problem|breach|vulnerab\w+)|vulnerab\w+|"
    r"cve-\d+|breach\w*|leak(?:s|ed|ing)? (?:\w+ ){0,3}(?:data|password|passwords|address|card|personal|customer|"
    r"credentials)|"
    r"(?:someone|somebody) else'?s (?:\w+ )?(?:orders?|data|account|address|name|card)|stole[n]?|unauthori[sz]ed|phishing|"
    r"charged (?:me |my card |us )?(?:\w+ )?(?:twice|double|two times|again|three times|without|after)|double[- ]charg\w+|"
    r"overcharg\w+|(?:paid|payed) twice|fraud\w*|(?:nobody|no one|no customer|all users|everyone|"
    r"everybody) (?:\w+ )?(?:can'?t|can|cannot)|"
    r"(?:completely|totally|whole|entire) (?:\w+ )?(?:down|outage)|outage|deadlock\w*)\b",
    r"(?:데이터|자료|파일|사진|기록|메모|내역|문서|계정|글|작업)\S{0,3}\s?(?:\S+\s){0,2}(?:날아|날라|사라|없어졌|"
    r"없어져|유실|손실|삭제됐|삭제되|"
    r"지워졌|지워져|초기화)|유출|해킹|해커|털렸|도용|보안\s?(?:문제|취약|사고|구멍)|취약점|남의\s?(?:\S+\s)?(?:정보|"
    r"주문|계정|주소)|다른\s?사람\S*\s?"
    r"(?:\S+\s)?(?:정보|주문|계정|주소)\S*\s?(?:보|나|뜨)|(?:두\s?번|두번|중복|이중|세\s?번)\s?\S{0,3}\s?(?:결제|청구|"
    r"출금|인출|빠져)|"
    r"(?:결제|청구|출금|인출)\S*\s?(?:두\s?번|두번|중복|이중|세\s?번)|무단\s?(?:결제|인출|출금)|돈(?:만|이|"
    r"은)\s?(?:빠져|나갔|인출)|사기|피싱|"
    r"(?:아무도|모두|전부|전체)\s?(?:\S+\s)?(?:못|안\s?[돼되]|먹통)|전면\s?장애|서비스\s?장애")
_HIGH = forms(
    r"\b(?:crash\w*|force[- ]?clos\w*|shuts? (?:itself )?down|kicks? me out|closes? (?:by )?itself|npe|nullpointer\w*|"
    r"out ?of ?memory\w*|oom|infinite loop|hangs?|hung|freez\w+|froze\w*|stuck|unusable|useless|bricked|"
    r"(?:can'?t|can ?not|cannot|couldn'?t|unable to|won'?t (?:let me )?|doesn'?t (?:let me )?|impossible to|never|"
    r"no way to|fails? to|"
    r"failed to) ?(?:even |be able to )?(?:log ?in|login|sign ?in|open|start|launch|run|install|pay|check ?out|order|"
    r"buy|use|access|"
    r"connect|boot|save|register|upload|submit|restart|build|compile)|(?:payment|checkout|login|card|order|transfer|"
    r"install\w*|build) "
    r"(?:\w+ ){0,2}(?:fail\w*|declined|rejected|error|broken|does(?:n'?t| not) (?:work|go through)|not work\w*)|"
    r"(?:doesn'?t|does not|stopp?ed|not|no longer) work(?:ing)?(?: at all| anymore| any more)|locked out|"
    r"won'?t (?:open|start|load|launch)|"
    r"refund\w*|dangerous|injur\w+|allerg\w+|food poisoning|sick after)\b",
    r"튕[기겨김긴깁]|강제\s?종료|꺼[져지집짐졌]|먹통|멈[춰추춤춘췄]|무한\s?로딩|(?:로그인|접속|결제|주문|실행|설치|"
    r"가입|인증|구매|이용|사용|이체|송금|저장|예약)\S{0,3}"
    r"\s?(?:이\s?|을\s?|를\s?|도\s?|자체가\s?)?(?:안\s?[돼되됩됨된됐]|불가|실패|못\s?[하해함]|할\s?수(?:가)?\s?없|"
    r"되지\s?않|거부)|"
    r"못\s?(?:쓰|써|들어가|열)|안\s?(?:열|켜|들어가)|쓸\s?수(?:가)?\s?없|사용할\s?수(?:가)?\s?없|환불|다쳤|위험|"
    r"식중독|배탈|알레르기")
_LOW = forms(
    r"\b(?:typos?|misspell\w*|spelling|grammar|wording|cosmetic|ugly|alignment|misalign\w*|not aligned|font|colou?rs?|"
    r"icons?|"
    r"padding|margin|logo|looks? (?:bad|odd|off|weird|dated|old)|log (?:message|level)|warnings?|javadoc|comments?|readme|"
    r"documentation|docs?|minor|trivial|nitpick|slightly|a bit|a little|small thing|tiny|cleanup|clean up|unused|"
    r"checkstyle|rename)\b",
    r"오타|맞춤법|띄어쓰기|글씨체|글꼴|폰트|(?<!검)색[이상깔]|아이콘|정렬이|여백|줄\s?간격|디자인이|안\s?예쁘|못생|"
    r"촌스|살짝|조금|약간|사소|경미|소소")
_MEDIUM = forms(
    r"\b(?:wrong\w*|incorrect\w*|inaccura\w+|errors?|exceptions?|fail\w*|broken|bugs?|missing|not (?:\w+ )?(?:applied|"
    r"shown|displayed|sent|"
    r"received|updated|accepted|work\w*)|(?:isn'?t|doesn'?t|won'?t|didn'?t|can'?t|cannot) \w+|slow\w*|lag\w*|"
    r"timeouts?|timed out|"
    r"late|delay\w*|damaged|leak\w*|duplicate\w*|inconsisten\w+|regression|flaky|race condition)\b",
    r"오류|에러|버그|잘못|틀[린려렸림]|누락|느[리려림린]|렉|버벅|지연|늦[게어었]|안\s?[돼되됩됨된됐와왔나떠]|"
    r"못\s?[하해받]|않[아습네]|실패|파손|깨[지져진졌]|이상")


def severity(text: str, kind: str, feeling: float) -> str | None:
    """How bad the trouble in `text` is, one of LEVELS; None for a voice that tells of none (`kind` is not bug)."""
    if kind != "bug":
        return None
    text = text[:_LOOKED_AT].lower()
    if _CRITICAL(text):
        return "critical"
    if _HIGH(text):
        return "high"
    level = 0 if _LOW(text[:_SAID_FIRST]) or (feeling > HARDLY and not _MEDIUM(text)) else 1
    return LEVELS[level + (feeling <= FURIOUS)]


def worst(told: Sequence[int]) -> str | None:
    """How bad a theme is: the worst of LEVELS that a SHARE of its troubles bear, as `told` counts them by level."""
    at_least = max(1, SHARE * sum(told))
    return next((level for level, count in reversed(list(zip(LEVELS, told, strict=True))) if count >= at_least), None)
