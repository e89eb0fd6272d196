"""``yizhan air encode|decode|context`` as others will run it."""

import json
from pathlib import Path
from statistics import median

import pytest
from click.testing import CliRunner

from gateway.cli.air import air
from gateway.cli.exits import Exit

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests/corpus/messages.jsonl"
SAMPLE = ROOT / "config/air.example.toml"
MESSAGES = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def run(*arguments, data=b""):
    result = CliRunner().invoke(air, [str(one) for one in arguments], input=data)
    return result.exit_code, result.stdout_bytes.decode("utf-8"), result.stderr


def lines(output):
    return [json.loads(line) for line in output.splitlines()]


def same(left, right):
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def context(tmp_path, *first):
    """Write the sample with other trial settings."""
    path = tmp_path / "context.toml"
    keys = {line.split("=")[0].strip() for line in first}
    kept = (line for line in SAMPLE.read_text("utf-8").splitlines() if line.split("=")[0].strip() not in keys)
    path.write_text("\n".join([*first, *kept]), "utf-8")
    return path


def there_and_back(path, messages=MESSAGES):
    data = "\n".join(json.dumps(message, ensure_ascii=False) for message in messages).encode()
    code, frames, _ = run("encode", "--context", path, data=data)
    assert code == Exit.DONE
    code, back, _ = run("decode", "--context", path, data=frames.encode())
    assert code == Exit.DONE
    return lines(frames), lines(back)


def test_the_corpus_meets_the_figures_of_the_air_format():
    """Median 22 B, 95 of 100 at most 55 B, 30 kB in all, 98 of 100 in one frame of 78 B, all equal."""
    frames, back = there_and_back(SAMPLE)

    assert all(same(*pair) for pair in zip(back, MESSAGES, strict=True))
    sizes = sorted(one["bytes"] for one in frames)
    assert median(sizes) <= 22
    assert sizes[950] <= 55
    assert sum(sizes) <= 30_000
    assert sum(len(one["frames"]) == 1 for one in frames) >= 980
    assert all(len(bytes.fromhex(frame)) <= 78 for one in frames for frame in one["frames"])
    assert all(one["bytes"] == sum(len(frame) // 2 for frame in one["frames"]) for one in frames)


def test_no_counter_is_used_twice_under_one_key():
    """Two messages of the corpus have one id: the second takes another counter and brings its number along."""
    from gateway.air.contextfile import load_context, secret_of
    from gateway.air.trial import TrialCodec

    table = load_context(SAMPLE)
    codec = TrialCodec(table, secret_of(table, SAMPLE))
    used = set()
    for message in MESSAGES:
        for frame in codec.encode(message):
            direction, counter, _, _ = codec._open(frame, codec._candidates())
            key = (direction.keys.session, counter)
            assert key not in used
            used.add(key)


@pytest.mark.parametrize(
    "settings",
    [
        ['addresses = "source"'],
        ['addresses = "both"'],
        ['addresses = "wide"', "tag_bytes = 8"],
        ["suite = 2"],
        ["mtu = 24"],
        ["model = 0"],
        ["mtu = 40", "model = 0", 'addresses = "wide"'],
    ],
)
def test_other_bearers_suites_and_no_model_lose_nothing(tmp_path, settings):
    some = MESSAGES[::5]

    _, back = there_and_back(context(tmp_path, *settings), some)

    assert all(same(*pair) for pair in zip(back, some, strict=True))


def test_messages_that_nothing_shared_knows_come_back(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text('secret = "nothing else"\n', "utf-8")
    odd = [
        {},
        {"type": None},
        {"a": [1, 2.5, None]},
        {"type": "cap", "cap": 7},
        {"id": "x-0", "src": "ALL", "dst": "x"},
    ]

    _, back = there_and_back(path, [*odd, *MESSAGES[::20]])

    assert all(same(*pair) for pair in zip(back, [*odd, *MESSAGES[::20]], strict=True))


def test_a_changed_frame_is_refused_and_the_run_goes_on():
    frames, _ = there_and_back(SAMPLE, MESSAGES[:2])
    bad = bytearray.fromhex(frames[0]["frames"][0])
    bad[-1] ^= 1
    data = json.dumps({"frames": [bad.hex()]}) + "\n" + json.dumps(frames[1])

    code, output, _ = run("decode", "--context", SAMPLE, data=data.encode())

    assert code == Exit.BAD_INPUT
    assert "no key of this context opens it" in lines(output)[0]["error"]
    assert same(lines(output)[1], MESSAGES[1])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("7", "one JSON object"),
        ("{", "not one JSON object"),
        ('{"frames": "00"}', "frames"),
        ('{"frames": ["0g"]}', "hexadecimal"),
        ('{"frames": []}', "none"),
        ('{"frames": ["7f00"]}', "record"),
        ('{"frames": [""]}', "record"),
    ],
)
def test_each_bad_line_gets_one_clear_error(line, words):
    code, output, _ = run("decode", "--context", SAMPLE, data=line.encode())

    assert code == Exit.BAD_INPUT
    assert words in lines(output)[0]["error"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("secret = 5", "secret"),
        ("", "secret: is missing"),
        ('secret = "long enough"\nmtu = 3', "mtu"),
        ('secret = "long enough"\nbogus = 3', "bogus"),
        ('secret = "long enough"\n[[operation]]\nname = "x"\nlat = 91.0\nlon = 0.0', "operation.0.lat"),
        (
            'secret = "long enough"\n[[operation]]\nname = "x"\nlat = 1.0\nlon = 0.0\nstations = ["a", "a"]',
            "named twice: a",
        ),
        (
            'secret = "long enough"\n[[operation]]\nname = "x"\nlat = 1.0\nlon = 0.0\nsince = 2026-01-01T00:00:00',
            "zone",
        ),
        ("secret = ", "TOML"),
        ('secret = "long enough"\nmodel = 7', "model"),
        ('secret = "long enough"\nwords_file = "a\\u0000b"', "cannot be read"),
        ('secret = "long enough"\n[[operation]]\nname = "x"\nlat = 1.0\nlon = 0.0\nstations = ["ALL"]', "everybody"),
        ('secret = "long enough"\n[[operation]]\nname = "x"\nlat = 1.0\nlon = 0.0\nheadquarters = "ALL"', "everybody"),
        (
            'secret = "long enough"\n[[operation]]\nname = "x"\nlat = 1.0\nlon = 0.0\nsince = 0001-01-01T00:00:00Z',
            "year",
        ),
        ('secret_file = "nowhere"', "secret_file"),
    ],
)
def test_a_bad_context_names_the_place(tmp_path, text, words):
    path = tmp_path / "context.toml"
    path.write_text(text, "utf-8")

    code, _, error = run("encode", "--context", path)

    assert code == Exit.CONFIG
    assert words in error


def test_a_context_is_proposed_from_messages(tmp_path):
    """What it prints is a context, and as good as the sample."""
    code, output, _ = run("context", CORPUS)
    path = tmp_path / "context.toml"
    path.write_text('secret = "trial: x"\n' + output, "utf-8")

    assert code == Exit.DONE
    frames, back = there_and_back(path)
    assert all(same(*pair) for pair in zip(back, MESSAGES, strict=True))
    assert sum(one["bytes"] for one in frames) <= 25_000


@pytest.mark.parametrize(
    "messages",
    [
        [
            {"src": "a", "dst": "b", "pos": {"lat": 91.0, "lon": 1.0}},
            {"src": "a", "dst": "b", "pos": {"lat": float("nan"), "lon": 1.0}},
        ],
        [{"src": f"h{number}", "dst": "ALL"} for number in range(300)],
        [{"src": "a", "dst": "b", "ts": "0001-01-01T00:00:00Z"}],
        [{"src": "a\ud800", "dst": "b"}, {"src": "a" * 99, "dst": "b"}, {"src": "a", "dst": ""}, {"src": 5}],
        [{"src": "a", "dst": "ALL", "cap": {"areaDesc": "", "identifier": "x" * 50 + "41600000_1"}}],
    ],
)
def test_a_proposed_context_can_always_be_read(tmp_path, messages):
    """Whatever the messages say."""
    code, output, _ = run("context", data="\n".join(map(json.dumps, messages)).encode())
    path = tmp_path / "context.toml"
    path.write_text('secret = "trial: x"\n' + output, "utf-8")

    assert code == Exit.DONE
    there_and_back(path, [{"type": "chat", "text": "在"}])


def test_large_frames_stay_within_a_record(tmp_path):
    message = {"type": "opaque", "data": "5a" * 8000}

    frames, back = there_and_back(context(tmp_path, "mtu = 4096"), [message])

    assert back == [message]
    assert len(frames[0]["frames"]) > 1
