"""Ways in which cameras differ that are no fault to them: how they ask for a password, and what they get wrong."""

from enum import StrEnum


class Auth(StrEnum):
    """What proves the password."""

    NONE = "none"
    DIGEST = "digest"  # HTTP Digest alone, as newer Hikvision firmware has it
    WSS = "wss"  # WS-UsernameToken alone
    DIGEST_AND_WSS = "digest-and-wss"

    @property
    def takes_digest(self) -> bool:
        """Whether an HTTP Digest header is looked at."""
        return self in {Auth.DIGEST, Auth.DIGEST_AND_WSS}

    @property
    def takes_wss(self) -> bool:
        """Whether a WS-UsernameToken is looked at."""
        return self in {Auth.WSS, Auth.DIGEST_AND_WSS}


class Quirk(StrEnum):
    """One habit of a camera in the field; a camera may have several."""

    PORT_DOUBLED = "port-doubled"  # the subscription's address is http://ip:8106:8106/...
    NAT_HOST = "nat-host"  # every address names a host that only the inside reaches
    NEEDS_INITIAL_TERMINATION = "needs-initial-termination"  # a subscription without one is a fault
    NO_RELATIVE_TIME = "no-relative-time"  # a duration as termination time is a fault
    UNSUBSCRIBE_KILLS_ALL = "unsubscribe-kills-all"  # also the subscriptions of others
    CLOSES_PULL_AFTER = "closes-pull-after"  # hangs up on a long poll instead of answering
    LOCKS_ACCOUNT = "locks-account"  # after failed logins in a row the right password is refused, too
    SUBSCRIPTION_ID = "subscription-id"  # one address for all; the reference parameter tells them apart
    UNAUTHORIZED_TEXT = "unauthorized-text"  # 401 with a word for a body and no SOAP
    STRICT_CREATED = "strict-created"  # Created must be YYYY-MM-DDTHH:MM:SSZ to the letter
    LOCAL_AS_UTC = (
        "local-as-utc"  # GetSystemDateAndTime says local time (UTC+8) for UTC; tokens are judged by true UTC
    )
    MALFORMED_TOPIC = "malformed-topic"  # tns1:VideoSource/tns1:Device/Trigger/DigitalInput
    HIK_ALARM_IN = "hik-alarm-in"  # inputs are tns1:Device/Trigger/tnshik:AlarmIn
    LIMITED_PULL_POINTS = "limited-pull-points"  # very few; one more is a fault
    CLOSED_TRUE = "closed-true"  # LogicalState is the contact, normally closed: pressed is false
    NO_SYNC = "no-sync"  # SetSynchronizationPoint is a fault
    ITEMS_REORDERED = "items-reordered"  # SimpleItems in another order, with unknown ones before them
    SOAP_BOMB = "soap-bomb"  # every answer is an entity expansion
    ENDLESS = "endless"  # every answer announces 1 GiB and goes on and on
    DRIBBLE = "dribble"  # every answer comes a byte at a time, without an end
    NO_GET_SERVICES = "no-get-services"  # an older one: GetCapabilities alone
    BASIC_FIRST = "basic-first"  # Basic is offered before Digest, in a header of its own
    PICTURE_BASIC = "picture-basic"  # its picture takes the password in clear, and no digest
    TIME_CHECK = "time-check"  # a token of another time is refused in Dahua's words
    SMALL_PULLS = "small-pulls"  # more than 5 messages or 2 s in one pull is a fault that says so
    RENEW_HANGS_UP = "renew-hangs-up"  # it hangs up on whoever renews
    FEW_PULLS = "few-pulls"  # every pull is a fault
    HASTY_PULLS = "hasty-pulls"  # every pull is answered at once, also with nothing
    FORGOTTEN_404 = "forgotten-404"  # a subscription that is not there is HTTP 404, without SOAP
    WEB_FIRST = "web-first"  # its web server is up and knows nothing of ONVIF yet: HTTP 404
    CLOCK_HANGS_UP = "clock-hangs-up"  # it hangs up on whoever sets its clock
    PICTURE_LOCKED = "picture-locked"  # no password opens its picture; failures count for the account
    MONOSTABLE = "monostable"  # its relays fall back by themselves after a second
    SLOW_SOAP = "slow-soap"  # SOAP is answered late while video flows
