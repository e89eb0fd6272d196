"""``yizhan text parse`` as others will run it."""

import json

from click.testing import CliRunner

from gateway.cli.text import text


def run(data, *arguments):
    """Run the command on bytes; return exit code and the objects printed."""
    result = CliRunner().invoke(text, ["parse", *arguments], input=data)
    return result.exit_code, [json.loads(line) for line in result.stdout_bytes.decode("utf-8").splitlines()]


def test_one_object_a_line():
    """Each text gives one object, empty lines none, what is not said is absent."""
    typed = "SOS 30.123,103.456\n\n   \r\n收到1023\r\n需要帐篷20顶".encode()

    assert run(typed) == (
        0,
        [
            {"kind": "sos", "lat": 30.123, "lon": 103.456},
            {"kind": "ack", "ref": 1023},
            {"kind": "resource", "item": "tent", "qty": 20, "unit": "顶"},
        ],
    )


def test_bytes_that_are_no_utf8_are_replaced():
    """A broken line is read as far as it can be and the next one whole."""
    assert run(b"\xff\xfe3\xe4\xba\xba\xe8\xa2\xab\xe5\x9b\xb0\n\xe6\x94\xb6\xe5\x88\xb0\n") == (
        0,
        [{"kind": "sos", "people": 3}, {"kind": "ack"}],
    )


def test_a_file_is_read(tmp_path):
    """FILE instead of standard input."""
    path = tmp_path / "texts"
    path.write_text("平安\n", encoding="utf-8")

    assert run(b"", str(path)) == (0, [{"kind": "position"}])
