"""The words of alerts and post-mortems, in English and Korean."""

SEVERITIES = ("low", "medium", "high", "critical")
WORDS = {
    "en": {"opened": "Opened", "acknowledged": "Taken on", "resolved": "Resolved", "low": "low", "medium": "medium",
           "high": "high", "critical": "critical", "since": "Since", "by": "Taken on by", "release": "Release",
           "signal": "Signal", "product": "Product", "owner": "Owner", "over": "Over since",
           "how": "Take it on with the form acknowledge_signal in Airflow."},
    "ko": {"opened": "발생", "acknowledged": "담당자 확인", "resolved": "해소", "low": "낮음", "medium": "보통",
           "high": "높음", "critical": "심각", "since": "발생 시각", "by": "담당", "release": "릴리스",
           "signal": "신호", "product": "제품", "owner": "책임", "over": "해소 시각",
           "how": "Airflow의 acknowledge_signal 양식으로 담당을 맡을 수 있습니다."},
}
