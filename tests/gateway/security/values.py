"""Keys for tests, and strategies that make any key there can be."""

from hypothesis import strategies as st

from gateway.security.keyfile import format_key
from gateway.security.keys import NAME_CHARS_MAX, End, GroupKey, PairKey, RootKey, check_name
from gateway.security.secret import Secret
from protocols.record.keys import RootSecret
from protocols.record.keys import pair_secret as derive

SERIAL = 200_000_000  # 2026-05-03
HUB = End(1, "hub")
CAR = End(0x107, "vehicle-7")
OTHER = End(0x108, "vehicle-8")
ROOT = RootKey(Secret(bytes(range(32))), SERIAL)


def key_of(own=HUB, peer=CAR, **more):
    """Return the pair key that ROOT gives, changed as told."""
    secret = Secret(derive(RootSecret(ROOT.secret.reveal()), own.id, peer.id).material)
    return PairKey(own, peer, **({"secret": secret, "serial": SERIAL} | more))


def put(directory, name, key, mode=0o600):
    """Put a key into a directory under any name."""
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / name
    path.write_bytes(format_key(key))
    path.chmod(mode)
    return path


def is_name(text):
    try:
        check_name(text)
    except ValueError:
        return False
    return True


def names():
    letters = "abcXYZ019_.-"
    return st.text(letters, min_size=1, max_size=NAME_CHARS_MAX).filter(is_name) | st.sampled_from(["hub", "vehicle-7"])


def ends():
    return st.builds(End, st.integers(1, 0xFEFF) | st.integers(0x10000, 0xFFFFFF), names())


serials = st.integers(1, 0xFFFF_FFFF)


@st.composite
def pair_keys(draw):
    own = draw(ends())
    peer = draw(ends().filter(lambda e: e.id != own.id and e.name.casefold() != own.name.casefold()))
    secret = Secret(draw(st.binary(min_size=32, max_size=32)))
    return PairKey(own, peer, secret, draw(serials), draw(st.sampled_from([1, 2])), draw(st.integers(0, 0xFFFF)))


def any_keys():
    roots = st.builds(RootKey, st.binary(min_size=32, max_size=32).map(Secret), serials)
    groups = st.builds(
        GroupKey,
        st.integers(0xFF00, 0xFFFF),
        st.integers(0, 255),
        st.binary(min_size=16, max_size=16).map(Secret),
        serials,
    )
    return pair_keys() | roots | groups


def everything_in(error):
    """Return all that an error carries along: texts, arguments and attributes of it, its causes and contexts."""
    seen, waiting, said = set(), [error], []
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        said += [str(one), repr(one), repr(one.args), repr(getattr(one, "__dict__", {}))]
        said += [repr(getattr(one, name, None)) for name in ("object", "doc", "filename")]
        waiting += [one.__cause__, one.__context__]
    return "\n".join(said)
