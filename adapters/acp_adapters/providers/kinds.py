"""Which kind of failure a service's error is: by its status, then its names, then its words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_adapters.providers.saying import Said
    from acp_adapters.providers.waiting import Wait
    from acp_agent.models.stream import FailureKind

    Signs = tuple[tuple[FailureKind, re.Pattern[str]], ...]

_BY_KIND: Mapping[FailureKind, str] = {
    "auth": "authentication_error permission_error permission_denied invalid_api_key api_key_invalid "
    "unauthenticated unauthorized forbidden invalid_authentication invalid_authentication_error "
    "incorrect_api_key_error accessdeniedexception unrecognizedclientexception expiredtokenexception "
    "expired_token invalidsignatureexception missingauthenticationtokenexception account_deactivated",
    "billing": "billing_error insufficient_quota billing_not_active billing_hard_limit_reached "
    "insufficient_balance insufficient_credits insufficient_funds payment_required "
    "exceeded_current_quota_error",
    "rate_limit": "rate_limit_error rate_limit_exceeded rate_limit_reached_error ratelimited rate_limited "
    "resource_exhausted throttlingexception throttled too_many_requests toomanyrequestsexception "
    "usage_limit_reached servicequotaexceededexception",
    "overloaded": "overloaded_error overloaded unavailable serviceunavailableexception service_unavailable "
    "slow_down modelnotreadyexception engine_overloaded engine_overloaded_error server_overloaded "
    "server_is_overloaded capacity_exceeded",
    "context_length": "context_length_exceeded request_too_large exceed_context_size_error "
    "model_context_window_exceeded context_window_exceeded",
    "timeout": "timeout_error deadline_exceeded modeltimeoutexception request_timeout timeout",
    "not_found": "model_not_found not_found_error not_found resourcenotfoundexception deploymentnotfound "
    "model_not_available invalid_model unknown_model",
    "request": "invalid_request_error invalid_prompt invalid_argument validationexception bad_request "
    "failed_precondition unprocessable_entity",
    "server": "api_error server_error internal internal_error internal_server_error internalserverexception "
    "modelstreamerrorexception modelerrorexception bad_gateway upstream_error",
}
_KINDS: Mapping[str, FailureKind] = {name: kind for kind, names in _BY_KIND.items() for name in names.split()}

_STATUSES: Mapping[int, FailureKind] = {
    401: "auth", 402: "billing", 403: "auth", 408: "timeout", 413: "context_length", 429: "rate_limit",
    498: "overloaded", 503: "overloaded", 529: "overloaded",
}  # fmt: skip
"""What a status means by itself; of the others, from 500 on the server is at fault, below it the request."""
_REFINED: Mapping[FailureKind, tuple[FailureKind, ...]] = {
    "auth": ("billing", "rate_limit", "not_found"),
    "rate_limit": ("overloaded", "billing"),
    "overloaded": ("rate_limit",),
    "server": ("overloaded", "rate_limit", "timeout"),
    "request": ("auth", "billing", "rate_limit", "overloaded", "not_found"),
}
"""Which kinds an error's own name can make of the one that its status stands for."""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


_OVERFLOW = _pattern(r"""
      context[\s_-]?(?:length|window|size|limit)\w*[^.]{0,60}\b(?:exceed|too\b|over\b|reach|full)
    | (?:exceed\w*|maximum|max|over|beyond|(?:larg|long|great)er\ than)\b[^.]{0,60}\bcontext\b
    | \bcontext_(?:length|window)_exceeded
    | \b(?:prompt|input|messages?|conversation|request)\b[^.]{0,40}\ too\ (?:long|large|big)\b
    | \btoo\ many\ (?:input\ |prompt\ |total\ )?tokens\b
    | reduce\ the\ length\ of\ (?:the\ |your\ )?(?:messages|prompt|input)
    | \b(?:inputs?|prompt|total|request)\b[^.]{0,40}\btokens?\b[^.]{0,60}(?:exceed|longer|greater|\bover|>|<=)
    | exceed\w*[^.]{0,40}\b(?:input|prompt|model)\s?(?:token|length|max|context)
    | exceed\w*[^.]{0,40}\b(?:maximum|max)\b[^.]{0,30}\b(?:input|prompt)\b
    | \bmaximum\ (?:prompt|input)\ length\b
    | \brange\ of\ input\ length\b
    | \b(?:prompt|input)\ (?:length\ )?exceeds\b
    | \binput\ length\b[^.]{0,40}\bexceed
""")
_BILLING = _pattern(r"""
      insufficient[\s_](?:quota|balance|credits?|funds) | billing[\s_](?:not[\s_]active|hard[\s_]limit)
    | credit\ balance | (?:out\ of|not\ enough|no|more|add|purchase|buy)\ (?:\w+\ )?credits?\b
    | credits?\ (?:are\ |is\ |have\ been\ )?(?:exhausted|depleted|used\ up)
    | payment\ (?:is\ )?(?:required|method) | (?:account|balance).{0,20}(?:arrears|overdue)
    | \brecharge\b | \btop[\s-]up\b
""")
_QUOTA = _pattern(r"\bquota\b | billing\ details | spending\ limit | monthly\ (?:usage\ )?limit")
_OFTEN = _pattern(r"""
      rate[\s_-]?limit | too\ many\ (?:\w+\ )?requests | \bper\ (?:second|minute|min|hour|day)\b
    | \b[rt]p[msd]\b | throttl | usage\ limit | resource.?exhausted | concurren
""")
_BUSY = _pattern(
    r"overload | (?:at|over)\ capacity | high\ demand | temporarily\ unavailable | \b(?:is|are|too)\ busy\b"
)
_KEY = _pattern(r"""
      \b(?:invalid|incorrect|missing|expired|wrong|no|bad)\W+(?:\w+\W+){0,2}
      (?:api[\s_-]?key|(?:access|auth\w*|bearer)\ token|credentials)\b
    | api[\s_-]?key\ (?:is\ )?(?:not\ valid|invalid|missing|expired) | unauthori[sz]ed | authentication
""")
_MODEL = _pattern(r"""
      \bmodel\b.{0,100}(?:not\ (?:found|exist|available)|does(?:\ not|n't)\ exist|not\ a\ valid\ model)
    | \bmodel\s\S{1,80}\s(?:is|was|has\ been)\ (?:unknown|invalid|not\ valid|deprecated|retired|removed)
    | \bmodel\s\S{1,80}\sis\ no\ longer
    | \b(?:no\ such|unknown|invalid|unrecognized|unsupported|not\ a\ valid|no)\ model\b | no\ endpoints\ found
    | \bdeployment\b.{0,60}not\ (?:found|exist) | \bmodels/\S+\ is\ not\ found
""")
_LATE = re.compile(r"timed?[\s_-]?out|deadline", re.IGNORECASE)
_CUT = re.compile(
    r"connection (?:was )?(?:reset|closed|refused|aborted|lost)|error sending request|decode error|"
    r"unexpected (?:eof|end)|broken pipe|socket hang up|network error",
    re.IGNORECASE,
)
_STATUS_IN_WORDS = re.compile(
    r"(?:status(?:[\s_]?code)?|error|http(?:/\d(?:\.\d)?)?)\W{0,3}([45]\d\d)\b|^([45]\d\d) [A-Za-z]",
    re.IGNORECASE,
)
_BY_WORDS: Signs = (
    ("overloaded", _BUSY),
    ("rate_limit", _OFTEN),
    ("auth", _KEY),
    ("timeout", _LATE),
    ("network", _CUT),
    ("not_found", _MODEL),
)
"""For errors of which nothing but words is known."""
_OF_REQUESTS: Signs = (("auth", _KEY), ("not_found", _MODEL))


def kind_of(status: int | None, said: Said, wait: Wait) -> FailureKind:
    """The kind of an error; `status` is None for one that came in the midst of an answer."""
    named = _named(said.names)
    if status is None:
        status = said.status
    if status is None and named is None and (found := _STATUS_IN_WORDS.search(said.words)):
        status = int(found[1] or found[2])
    if _is_overflow(status, named, said.words):
        return "context_length"
    words = said.words
    kind = (named or _by_words(words)) if status is None else _by_status(status, named, words)
    if kind in ("rate_limit", "billing"):
        return _limited(named, words, wait, kind)
    if kind in ("auth", "request") and status != 401 and _BILLING.search(words):
        return "billing"
    return kind


def _named(names: Sequence[str]) -> FailureKind | None:
    """The kind by the name that says most: services put a general one beside it."""
    general: FailureKind | None = None
    for name in names:
        kind = _KINDS.get(name)
        if kind not in (None, "request", "server"):
            return kind
        general = general or kind
    return general


def _is_overflow(status: int | None, named: FailureKind | None, words: str) -> bool:
    """What has another name, or the status of another failure, only speaks of the length."""
    if status not in (None, 400, 413, 422) or named not in (None, "request", "context_length"):
        return False
    return named == "context_length" or _OVERFLOW.search(words) is not None


def _by_status(status: int, named: FailureKind | None, words: str) -> FailureKind:
    kind = _STATUSES.get(status, "server" if status >= 500 else "request")
    if named and named in _REFINED.get(kind, ()):
        return named
    if kind != "request":
        return kind
    if status in (404, 410):
        return "not_found" if _MODEL.search(words) else "request"
    return _first(_OF_REQUESTS, words, "request")


def _by_words(words: str) -> FailureKind:
    if _BILLING.search(words) or _QUOTA.search(words):
        return "billing"
    return _first(_BY_WORDS, words, "server")


def _first(signs: Signs, words: str, otherwise: FailureKind) -> FailureKind:
    for kind, sign in signs:
        if sign.search(words):
            return kind
    return otherwise


def _limited(named: FailureKind | None, words: str, wait: Wait, kind: FailureKind) -> FailureKind:
    """A limit that is lifted by itself is no bill; one of which nobody says that it is wants to be paid."""
    if wait.told is not None:
        return "rate_limit"
    if "billing" in (named, kind) or _BILLING.search(words):
        return "billing"
    by_itself = wait.counted is not None or _OFTEN.search(words)
    return "billing" if _QUOTA.search(words) and not by_itself else "rate_limit"
