"""Words that tell feeling and kind, English and Korean, written for this project; and a quick matcher for many of them."""

import re
from collections.abc import Callable, Iterable


def matcher(words: Iterable[str]) -> str:
    """A regular expression for any of `words`, the longest first, as a tree: far quicker than a flat alternation."""
    tree: dict[str, dict] = {}  # type: ignore[type-arg]  # a tree's type is recursive
    for word in words:
        node = tree
        for character in word:
            node = node.setdefault(character, {})
        node[""] = {}
    return _branch(tree)


def _branch(node: dict[str, dict]) -> str:  # type: ignore[type-arg]
    ways = [re.escape(character) + _branch(child) for character, child in node.items() if character]
    if not ways:
        return ""
    joined = ways[0] if len(ways) == 1 and "" not in node else f"(?:{'|'.join(ways)})"
    return f"{joined}?" if "" in node else joined


def words(text: str) -> frozenset[str]:
    """The words of `text`, which blanks separate."""
    return frozenset(text.split())


def _weights(**lists: str) -> dict[str, float]:
    scale = {"best": 2.0, "good": 1.0, "poor": -1.0, "worst": -2.0}
    return {word.strip(): scale[name] for name, listed in lists.items() for word in listed.split(",") if word.strip()}


# English words, as written or as `features.stem` leaves them.
ENGLISH = _weights(
    best="amazing,awesome,excellent,fantastic,perfect,perfectly,love,loved,loves,loving,brilliant,outstanding,superb,wonderful,"
         "incredible,best,addictive,addicting,flawless,phenomenal,delightful,magnificent,favorite,favourite,addicted,epic,"
         "10/10",
    good="good,great,nice,nicely,like,liked,likes,fun,enjoy,enjoyed,enjoyable,easy,easily,helpful,useful,fast,quick,"
         "quickly,smooth,"
         "smoothly,works,happy,glad,pleased,thanks,thank,recommend,recommended,cool,handy,convenient,beautiful,"
         "beautifully,solid,"
         "reliable,intuitive,simple,better,fine,worth,impressive,impressed,entertaining,cute,pretty,sweet,clean,neat,satisfied,"
         "stable,responsive,friendly,kind,polite,fresh,tasty,delicious,wow,yay,well,clear,funny,gem,kudos,praise,fixed,"
         "improved,"
         "helps,helped,ideal,super,comfortable,accurate,win,wins,yes,excited,exciting,interesting,clever,elegant,powerful",
    poor="bad,slow,slowly,annoying,annoyed,bug,bugs,buggy,crash,crashes,crashed,crashing,error,errors,fail,fails,failed,"
         "failing,"
         "failure,broken,breaks,problem,problems,issue,issues,wrong,missing,lost,lose,loses,stuck,freeze,freezes,freezing,"
         "frozen,lag,"
         "laggy,lags,difficult,hard,confusing,confused,expensive,overpriced,disappointing,disappointed,disappointment,"
         "poor,poorly,"
         "unable,cannot,refuse,refuses,sad,unfortunately,glitch,glitches,glitchy,waste,wasted,ads,spam,boring,bored,dull,ugly,"
         "unusable,uninstall,uninstalled,uninstalling,delete,deleted,charged,late,delay,delayed,cold,dirty,rude,complaint,hang,"
         "hangs,invalid,incorrect,incorrectly,leak,timeout,exception,npe,flaky,regression,inconsistent,deadlock,"
         "frustrated,needs,"
         "lacks,lacking,lack,sorry,unresponsive,blank,shame,ridiculous,mess,pain,fix,never,nothing,stupid,silly,lame,unfair,"
         "pathetic,meh,nope,weak,damaged,corrupt,corrupted,mediocre,bland,predictable",
    worst="terrible,horrible,awful,worst,hate,hated,hates,useless,worthless,garbage,trash,crap,crappy,sucks,suck,sucked,"
          "scam,fraud,"
          "disgusting,furious,frustrating,unacceptable,nightmare,junk,rubbish,appalling,atrocious,shit,shitty,dreadful,ripoff",
)
ENGLISH_NEGATORS = words(
    "not no never don't doesn't didn't isn't wasn't aren't can't cannot couldn't won't wouldn't dont doesnt didnt isnt cant "
    "wont hardly barely without ain't shouldn't hasn't haven't nor neither")

# Korean stems, found anywhere in a text.
KOREAN = _weights(
    best="최고,대박,완벽,사랑해,사랑합니다,훌륭,감동,명작,강추,걸작,꿀잼,인생영화,환상적,끝내,굿굿,짱,쩐다,쩔어,♥,♡,"
         "눈물,여운,수작,역대급,압권,"
         "소름,전율,경이,극찬,만점,강력추천,명품,탁월,예술이,띵작,존잼,핵꿀,최상,갓",
    good="좋,재밌,재미있,재밋,잼있,잼나,재미나,재밌게,즐거,즐겁,만족,추천,편리,편하,편해,빠르,빨라,예쁘,예뻐,이쁘,이뻐,"
         "아름,멋지,멋있,멋진,고마,감사,"
         "친절,유용,깔끔,신나,굿,괜찮,볼만,웃기,웃겨,귀여,귀엽,기대이상,따뜻,따듯,신선,흥미,잘만든,잘만들,잘 만든,잘 만들,"
         "맛있,싱싱,잘돼,잘 돼,잘됩,"
         "잘 됩,잘 되,해결됐,해결되었,쓸만,든든,사랑스,뭉클,유쾌,상쾌,통쾌,훈훈,행복,힐링,공감,몰입,긴장감,빠져,매력,"
         "인상적,인상깊,잘봤,잘 봤,good,"
         "best,nice,great,love,♪,^^,ㅎㅎ,또 보고,또보고,다시 보고,다시보고,보고싶,보고 싶,기억에,잊을 수 없,잊을수없,"
         "울었,대단,천재,진정한,진심,존경,"
         "연기력,추억,탄탄,잔잔,흐뭇,감탄,화려,섬세,뛰어,세련,기발,독특,중독,응원,기대됩,기대되,재치,신기",
    poor="나쁘,나빠,별로,불편,느리,느려,오류,에러,버그,고장,안돼,안되,안됨,안 돼,안 되,안됩,안 됩,못하,못해,실망,아쉽,"
         "아쉬,지루,지겨,짜증,답답,문제,튕기,"
         "튕겨,튕김,멈춰,멈추,멈춤,먹통,렉,버벅,비싸,비싼,늦게,늦어,늦었,지연,누락,깨지,깨져,복잡,어렵,어려,어려워,헷갈,"
         "삭제,불만,환불,취소,유치,뻔한,"
         "뻔하,식상,재미없,재미 없,재미가 없,노잼,잼없,억지,어색,엉성,허접,산만,졸려,졸았,졸리,잠들,잠이,이해가 안,이해안,"
         "이해 안,돈 아까,돈아까,아까,"
         "시간낭비,낭비,과대평가,거품,평점이 높,평점 높,평점이 왜,알바,조작,낚,속았,그닥,그다지,글쎄,모르겠,쏘쏘,밋밋,"
         "평범,부족,허무,허술,황당,뭐야,뭐지,"
         "뭥,이게 뭐,이게뭐,왜 만들,왜만들,무섭지,안무섭,않음,없다,없음,없네,도대체,대체,억지로,불쾌,불친절,안와요,"
         "안 와요,아깝,개연성,삼류,3류,졸작,"
         "오글,손발,발연기,연기가 안,어설,난해,짜집기,짜깁기,우려먹,질질,막장,어이없,어이가,ㅡㅡ,;;,--,기대이하,기대 이하,"
         "기대했는데,기대하고,싱겁,실패,"
         "후회,뭔가,너무 길,지나치,과하,오바,오버",
    worst="최악,쓰레기,쓰래기,쓰렉,개같,짜증나,혐오,끔찍,사기,형편없,형편 없,엉망,돈날,돈 날,꺼져,망했,망작,폐기,병신,"
          "븅신,ㅂㅅ,미친,역겹,역겨,토나,빡치,"
          "열받,극혐,핵노잼,개노잼,시발,씨발,ㅅㅂ,ㅆㅂ,개쓰,거지같,그지같,지랄,똥,저질,저급,노답,수준이하,0점,1점도,"
          "1점 도,빵점,점수도 아,점수 아까,별점 아까,"
          "별 반개,반개도,최하,안습,짜증이,쓸모없,쓸모 없,쓸데없,봐주기 힘,봐줄,아무것도",
)
KOREAN_MATCH = re.compile(matcher(KOREAN))
KOREAN_BEFORE = re.compile(r"(?:안|못|덜)\s?$")
KOREAN_AFTER = re.compile(r"\S{0,2}(?:지\s?(?:는\s?|도\s?|가\s?)?(?:않|못|안)|지\s?마)|\S{0,2}\s?없|진\s?않")


def forms(english: str, korean: str) -> Callable[[str], re.Match[str] | None]:
    """A search for the first match in a lower-case text: of the English forms if it has Latin letters, and of the Korean ones."""
    latin, in_english, in_korean = re.compile("[a-z?]").search, re.compile(english).search, re.compile(korean).search

    def search(text: str) -> re.Match[str] | None:
        found = in_english(text) if latin(text) else None
        return found if found or text.isascii() else in_korean(text)

    return search


# What kind of voice a text is: forms of English (lower case) and Korean texts. `understanding.kind` says which one wins.
FEATURE = forms(
    r"\b(?:would be (?:really |so |very )?(?:nice|great|good|cool|awesome|helpful|useful|perfect|lovely|handy)\b|"
    r"(?:add|make|bring|create|put|include|give|more)\b[^.!?]{1,60}\bplea?s?e?\b|just please|please (?:offer|add|create|"
    r"undo|bring|include|allow|make|let|support|implement|give us|put|provide|consider)|pls add|plz add|(?:would|'d|"
    r"will) (?:be )?(?:really |so |very |absolutely )?(?:nice|great|good|cool|awesome|love|like|better|perfect|amazing|"
    r"helpful|useful)[^.!?]{0,40}\b(?:if|to (?:have|see|be able)|were|could|with|when|had)\b|i (?:would|'d) (?:love|"
    r"like|prefer|appreciate)|wish (?:i|it|there|you|they|the|we|that)|if only|feature request|suggest(?:ion|ing)?|"
    r"should (?:make|do|give|bring|put|have|be able|let|allow|include|add|support|offer|also)|(?:need|needs|want|lacks?|"
    r"missing) (?:a|an|more|some|the|to have|to add) (?:\w+ ){0,2}(?:option|feature|ability|mode|setting|support|way|"
    r"button|filter|search|version|integration|levels?|choices?)|(?:add|adding|implement|support for|provide) (?:a|an|"
    r"the|more|some|support|new|option|ability|dark)\b|option to|ability to|could (?:you|we|u) (?:add|please|also|make|"
    r"have|get)|(?:only|one) thing (?:missing|i (?:would|want|wish|need))|(?:just )?(?:needs?|wants?) (?:more|"
    r"an? (?:option|update for))|hope(?:fully)? (?:you|they|to see|that you|there)|looking forward to|can you (?:add|"
    r"make)|why (?:not|no|isn't there|can't we)|improve(?:ment)?:)",
    r"추가\s?(?:해|부탁|바라|됐으면|되었으면|되면|좀|요청|하면|할 수 있)|있었?으면\s?(?:좋|합니|해|하네|함|더)|"
    r"했으면\s?(?:좋|합니|해|하네|함)|됐으면\s?(?:좋|합니)|되었으면\s?(?:좋|합니)|주(?:셨|었)으면|줬으면|[가-힣]면\s?(?:더\s?|정말\s?)?좋겠|꼭\s?필요|"
    r"면\s?(?:더\s?)?좋을\s?(?:것|거|듯|텐데)|기능.{0,12}(?:필요|원해|원합|넣어|만들어)|지원\s?(?:해\s?주|부탁|바라)|"
    r"만들어\s?주|넣어\s?주|건의|개선\s?(?:해|부탁|바라|요청)|제안")
BUG = forms(
    r"\b(?:crash\w*|bugs?|buggy|error\w*|exceptions?|npe|fail(?:s|ed|ing|ure|ures)?|broken|breaks?|freez\w+|froze\w*|"
    r"hangs?|hung|stuck|glitch\w*|(?:can'?t|can ?not|won'?t|couldn'?t|doesn'?t|isnt|wont|cant|doesnt|didnt|dont|can\?t|"
    r"won t|don\?t) (?!wait|stop|go wrong|recommend|complain|get enough|believe how|beat|put it down|live without|mind|"
    r"be happier|care|have to|think|know|need|want|like|love|understand|matter|say)[a-z]+|(?:doesn'?t|don'?t|didn'?t|"
    r"isn'?t|wasn'?t|not|never|stopp?(?:s|ed)?|no longer|hardly) (?:even |let me |seem to |able to |be |get |"
    r"been )?(?:\w+ ){0,2}?(?:work\w*|open\w*|load\w*|start\w*|sync\w*|sav\w+|appl\w+|play\w*|connect\w*|respond\w*|"
    r"updat\w+|log\w*|sign\w*|download\w*|install\w*|send\w*|show\w*|display\w*|access\w*|submit\w*|arriv\w+|accept\w*|"
    r"found|run\w*|launch\w*|allow\w*|possible)|no way (?:to|of)|inability|clos(?:es|ing|ed) (?:\w+ ){0,3}(?:itself|"
    r"down|all the time|immediately|on me|every ?time|out)|(?:immediately|just|always|randomly) (?:closes|shuts)|"
    r"turns? off|impossible|downside|flaw|messed up|screwed up|ruined|unable to|incorrect(?:ly)?|wrong(?:ly)?|"
    r"doesn'?t do|problems?|issues?|leak\w*|dead ?lock\w*|time(?:d|s)? ?out|timeouts?|corrupt\w*|race condition|"
    r"infinite loop|lag(?:s|gy|ging)?|slow(?:ly|er|ness)?|unresponsive|blank (?:screen|page)|black screen|white screen|"
    r"charged twice|double charged|keeps? (?:\w+ ){0,2}(?:crashing|closing|freezing|stopping|loading|kicking|saying|"
    r"logging)|force close\w*|shuts? down|kicks? me|kicked me|fix (?:it|this|the|that|please)|please fix|"
    r"needs? (?:to be )?fix\w*|regression|flaky|stack ?trace|missing|lost (?:my|all|everything)|vulnerab\w+|cve-\d+|"
    r"refund|overheat\w*|drains?)\b",
    r"오류|에러|버그|고장|먹통|튕[기겨김긴]|멈[춰추춤춘췄]|안\s?(?:돼|되|됨|됩|된|됐|와|왔|나와|나옴|열|보[여이]|떠|뜨|"
    r"들어가|들려)|못\s?(?:하|해|함|들어|받)|(?:되|하|나오|보이|열리|오|뜨|들리)지\s?(?:를\s?|가\s?|도\s?)?(?:않|못)|"
    r"불가|실패|느[리려림린]|렉|버벅|깨[지져짐진]|누락|지연|늦[게어었]|끊[기겨김긴]|사라[지졌졌짐]|중복\s?결제|"
    r"두\s?번\s?결제|환불|고쳐|수정\s?(?:해|부탁|바라)|오작동|이상해|뜹니다|무한\s?로딩|로딩\s?(?:만|중)|차단")
QUESTION = forms(
    r"\b(?:how (?:do|can|to|does|should|would|long|much|many)|what (?:is|are|does|do|should|happens)|where (?:is|are|"
    r"can|do)|why (?:is|are|does|do|did|can't|was|has|won't)|when (?:will|is|can|does)|who (?:is|do|can)|which|"
    r"is (?:there|it|this) (?:a |any |possible)?|can (?:i|you|we|anyone|someone|somebody)|could (?:you|i|someone)|"
    r"does (?:it|anyone|this|the)|do (?:i|you)|any(?:one|body) know|are (?:there|you))\b[^.!]*\?|\?\s*$",
    r"\?\s*$|(?:나요|까요|가요|은가|는지요|니까|냐고|냐|알려\s?주|궁금|어떻게\s?(?:하|해|되|돼|써)|문의)")
THANKS = forms(
    r"\b(?:thanks?|thank you|kudos|well done|good job|great job|love (?:it|this|the))\b",
    r"감사|고마|고맙|잘\s?(?:돼|되네|됩니다|써|쓰고)|최고")
MENDED = forms(
    r"\b(?:works? (?:\w+ )?(?:again|now|perfect\w*|great|fine|well|flawless\w*|smooth\w*|as expected|like a charm)|"
    r"now (?:\w+ )?works?|(?:is|was|got|been|finally|now) (?:fixed|solved|resolved|mended)|no (?:more )?(?:problems?|"
    r"issues?|bugs?|crash\w*|errors?|lag\w*|glitch\w*|complaints?)|(?:never|not once|hasn'?t|"
    r"doesn'?t) (?:\w+ )?(?:crash\w*|fail\w*|freez\w*|lag\w*)|(?:without|zero) (?:any )?(?:problems?|issues?|errors?|"
    r"bugs?|crash\w*))\b",
    r"해결\s?(?:됐|되었|돼|해\s?주|됨)|(?:이제|지금은)\s?(?:\S+\s?){0,2}(?:잘\s?[돼되됩]|됩니다|돼요|되네요|적용돼|"
    r"적용되네|적용됩)|고쳐\s?(?:졌|주셔서|줘서|주서)|(?:오류|버그|에러|문제|렉|튕김)\s?(?:도\s?|이\s?|가\s?|은\s?|"
    r"는\s?)?없")
# Praise beside something else: more than the thanks that end a complaint.
PRAISED = forms(
    r"\b(?:(?<!would )(?<!'d )love (?:it|this|the|your|how)|(?:great|good|nice|excellent) (?:job|work)|well done|kudos|"
    r"(?:great|awesome|excellent|fantastic|amazing|wonderful|brilliant|best|lovely|perfect) "
    r"(?:\w+ )?(?:app|shop|store|product|game|tool|service|site|update))\b",
    r"최고|완전\s?좋|정말\s?좋|너무\s?좋|아주\s?좋|잘\s?쓰고|잘\s?만[든들]|만족")
