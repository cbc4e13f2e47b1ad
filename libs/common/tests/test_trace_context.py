"""The context as it travels: the W3C's rules, case by case."""

from __future__ import annotations

import pytest

from queue_common.tracing.context import TraceContext, new_span_id, new_trace_id, read_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"


def test_a_valid_context_is_read_whole() -> None:
    """Ids, flags, tracestate and baggage are what the headers say."""
    headers = {"traceparent": VALID, "tracestate": "a=1,b@c=2", "baggage": "user=1;p=2,x=%20"}

    assert read_context(headers) == TraceContext(TRACE, SPAN, 1, "a=1,b@c=2", "user=1;p=2,x=%20")


def test_a_context_is_written_as_it_is_read() -> None:
    """What is handed on is read back as the same."""
    context = TraceContext(TRACE, SPAN, 1, "a=1", "b=2")

    assert read_context(context.headers()) == context
    assert context.headers()["traceparent"] == VALID


@pytest.mark.parametrize(
    "traceparent",
    [
        "", "00", "garbage", VALID.upper(), VALID[:-1], f"{VALID}0", f"{VALID}-more", f"{VALID}\n",
        f"ff-{TRACE}-{SPAN}-01", f"0-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-0x", f"00-{TRACE[1:]}-{SPAN}-01",
        f"{VALID},{VALID}", f"00_{TRACE}_{SPAN}_01", f"cc-{TRACE}-{SPAN}-01.more",
    ],
)  # fmt: skip
def test_an_invalid_traceparent_counts_as_none(traceparent: str) -> None:
    """Nothing of a context is taken whose traceparent breaks a rule."""
    assert read_context({"traceparent": traceparent, "tracestate": "a=1"}) is None


def test_tracestate_alone_is_no_context() -> None:
    """Without a traceparent there is no context."""
    assert read_context({"tracestate": "a=1", "baggage": "b=2"}) is None


@pytest.mark.parametrize(
    "traceparent", [f"cc-{TRACE}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01-what-else"]
)
def test_later_versions_are_read_as_far_as_known(traceparent: str) -> None:
    """A later version is read as version 00, and passed on as version 00."""
    context = read_context({"traceparent": traceparent})

    assert context is not None
    assert context.traceparent == VALID


@pytest.mark.parametrize(("flags", "kept"), [("00", 0), ("01", 1), ("03", 3), ("ff", 3), ("fc", 0)])
def test_unknown_flags_are_not_passed_on(flags: str, kept: int) -> None:
    """Of the flags those are kept that have a meaning: sampled and random."""
    context = read_context({"traceparent": f"00-{TRACE}-{SPAN}-{flags}"})

    assert context is not None
    assert context.flags == kept


@pytest.mark.parametrize(
    ("tracestate", "kept"),
    [
        ("a=1", "a=1"), ("a=1, b=2 ,c=3", "a=1,b=2,c=3"), ("a=1,,b=2", "a=1,b=2"),
        ("0tenant@system=x y", "0tenant@system=x y"), ("", ""), ("A=1", ""), ("a", ""), ("a=", ""),
        ("a=1,b", ""), ("a=\u00e9", ""), ("a=1\x00", ""), (" , " * 170 + "x!", ""),
        (",".join(f"k{n}={n}" for n in range(33)), ""), (f"a={'x' * 600}", ""),
    ],
)  # fmt: skip
def test_tracestate_is_passed_on_where_it_is_valid(tracestate: str, kept: str) -> None:
    """An invalid tracestate is left out; the traceparent beside it holds."""
    context = read_context({"traceparent": VALID, "tracestate": tracestate})

    assert context is not None
    assert (context.traceparent, context.tracestate) == (VALID, kept)


@pytest.mark.parametrize(
    ("baggage", "kept"),
    [("a=1", "a=1"), ("a=1\r\nX-Evil: 1", ""), ("a=\u00e9", ""), ("a=" + "x" * 8192, "")],
)
def test_baggage_is_passed_on_where_it_is_valid(baggage: str, kept: str) -> None:
    """Baggage that could not be a header's value, or is too long, is left out."""
    context = read_context({"traceparent": VALID, "baggage": baggage})

    assert context is not None
    assert context.baggage == kept


def test_ids_are_unique_and_well_formed() -> None:
    """New ids are of the standard's form, and no two are the same."""
    ids = [TraceContext(new_trace_id(), new_span_id()) for _ in range(1000)]

    assert len({i.trace_id for i in ids}) == len({i.span_id for i in ids}) == 1000
    assert all(read_context(i.headers()) == i for i in ids)
