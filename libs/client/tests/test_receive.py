from __future__ import annotations

import pytest

from queue_client.receive import SignatureError, sign, verify

# The example of the specification (standardwebhooks.com).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"Webhook-Id": ID, "Webhook-Timestamp": str(AT), "Webhook-Signature": SIGNATURE}


def test_the_example_of_the_standard_is_right() -> None:
    """The signature that Standard Webhooks gives as an example is accepted."""
    verify(HEADERS, BODY, SECRET, now=AT)


def test_signing_is_what_verifying_expects() -> None:
    """What ``sign`` returns has the example's signature."""
    signed = sign(BODY, SECRET, message_id=ID, timestamp=AT)

    assert signed["webhook-signature"] == SIGNATURE


@pytest.mark.parametrize(
    ("change", "body", "said"),
    [
        ({}, BODY + b" ", "none of the 1 signatures"),
        ({"Webhook-Id": "msg_other"}, BODY, "none of the 1 signatures"),
        ({"Webhook-Signature": "v1a,AAAA v1,*"}, BODY, "none of the 0 signatures"),
        ({"Webhook-Signature": ""}, BODY, "has no webhook-signature"),
        ({"Webhook-Timestamp": str(AT - 301)}, BODY, "301 s old"),
        ({"Webhook-Timestamp": str(AT + 301)}, BODY, "301 s in the future"),
        ({"Webhook-Timestamp": "yesterday"}, BODY, "seconds since 1970"),
    ],
)
def test_what_is_wrong_is_refused_and_said(change: dict[str, str], body: bytes, said: str) -> None:
    """A changed body, id, time or signature raises an error that says which it is."""
    with pytest.raises(SignatureError, match=said):
        verify({**HEADERS, **change}, body, SECRET, now=AT)


def test_a_secret_may_be_replaced_without_a_gap() -> None:
    """Of several signatures and several secrets one pair has to match."""
    other = "whsec_" + "A" * 32
    both = sign(BODY, other, message_id=ID, timestamp=AT)["webhook-signature"] + " " + SIGNATURE

    verify(HEADERS, BODY, [other, SECRET], now=AT)
    verify({**HEADERS, "Webhook-Signature": both}, BODY, SECRET, now=AT)


def test_a_secret_that_is_none_is_named() -> None:
    """A secret that is not base64 is refused with what it should be."""
    with pytest.raises(SignatureError, match="whsec_"):
        verify(HEADERS, BODY, "not base64!", now=AT)
