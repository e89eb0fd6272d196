"""Every way of writing one place that the tests try: a name, a function of (lat, lon) in degrees, a tolerance."""

CHINESE = "零一二三四五六七八九"


def dms(value, second_digits=0):
    """Return whole degrees, whole minutes and rounded seconds of an absolute value."""
    scale = 10**second_digits
    seconds = round(abs(value) * 3600 * scale)
    degrees, rest = divmod(seconds, 3600 * scale)
    minutes, seconds = divmod(rest, 60 * scale)
    return degrees, minutes, f"{seconds / scale:0{3 + second_digits if second_digits else 2}.{second_digits}f}"


def minutes(value, digits=3):
    """Return whole degrees and decimal minutes."""
    total = round(abs(value) * 60 * 10**digits)
    degrees, rest = divmod(total, 60 * 10**digits)
    return degrees, f"{rest / 10**digits:0{3 + digits}.{digits}f}"


def spoken_integer(value):
    """Return a number below 1000 in Chinese."""
    if value >= 100:
        head, rest = divmod(value, 100)
        return (
            CHINESE[head]
            + "百"
            + (
                ""
                if rest == 0
                else ("零" + CHINESE[rest] if rest < 10 else (("一" if rest < 20 else "") + spoken_integer(rest)))
            )
        )
    if value < 10:
        return CHINESE[value]
    tens, ones = divmod(value, 10)
    return ("" if tens == 1 else CHINESE[tens]) + "十" + (CHINESE[ones] if ones else "")


def spoken_decimal(value):
    """Return a positive decimal with four places in Chinese."""
    whole, _, fraction = f"{value:.4f}".partition(".")
    return spoken_integer(int(whole)) + "点" + "".join(CHINESE[int(d)] for d in fraction)


def spoken_digits(value):
    """Return a positive decimal read digit by digit."""
    return "".join("点" if d == "." else CHINESE[int(d)] for d in f"{value:.4f}")


def full_width(text):
    """Return the text in full-width forms."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _d(a, o, fmt):
    (d, m, s), (e, n, t) = dms(a), dms(o)
    return fmt.format(d=d, m=m, s=s, e=e, n=n, t=t)


def _d1(a, o, fmt):
    (d, m, s), (e, n, t) = dms(a, 1), dms(o, 1)
    return fmt.format(d=d, m=m, s=s, e=e, n=n, t=t)


def _m(a, o, fmt, digits=3):
    (d, m), (e, n) = minutes(a, digits), minutes(o, digits)
    return fmt.format(d=d, m=m, e=e, n=n)


FINE, SECOND, COARSE = 6e-5, 2e-4, 6e-4
DECIMAL = [
    "{a:.4f},{o:.4f}",
    "{a:.4f} {o:.4f}",
    "{a:.4f}, {o:.4f}",
    "{a:.5f}，{o:.5f}",
    "{o:.4f},{a:.4f}",
    "{o:.6f} {a:.6f}",
    "{a:.4f}/{o:.4f}",
    "{a:.4f};{o:.4f}",
    "{a:.4f}、{o:.4f}",
    "{a:.4f}|{o:.4f}",
    "({a:.4f}, {o:.4f})",
    "[{o:.4f},{a:.4f}]",
    "（{a:.4f}，{o:.4f}）",
    "【{o:.4f}，{a:.4f}】",
    "N{a:.4f} E{o:.4f}",
    "E{o:.4f} N{a:.4f}",
    "N{a:.4f}E{o:.4f}",
    "E{o:.4f}N{a:.4f}",
    "N {a:.4f}, E {o:.4f}",
    "N:{a:.4f} E:{o:.4f}",
    "N={a:.4f},E={o:.4f}",
    "{a:.4f}N {o:.4f}E",
    "{a:.4f}N,{o:.4f}E",
    "{a:.4f}N{o:.4f}E",
    "{o:.4f}E {a:.4f}N",
    "{o:.4f}E{a:.4f}N",
    "{a:.4f} N {o:.4f} E",
    "{a:.4f}°N {o:.4f}°E",
    "{a:.4f}° N, {o:.4f}° E",
    "N{a:.4f}° E{o:.4f}°",
    "{a:.4f}n {o:.4f}e",
    "n{a:.4f} e{o:.4f}",
    "{a:.4f}°N/{o:.4f}°E",
    "{a:.4f}º N {o:.4f}º E",
    "北纬{a:.4f}东经{o:.4f}",
    "东经{o:.4f}北纬{a:.4f}",
    "北纬{a:.4f}度东经{o:.4f}度",
    "北纬{a:.4f}度，东经{o:.4f}度",
    "东经{o:.4f}度、北纬{a:.4f}度",
    "北纬:{a:.4f} 东经:{o:.4f}",
    "北纬 {a:.4f}，东经 {o:.4f}",
    "北纬是{a:.4f}，东经是{o:.4f}",
    "北纬{a:.4f}°，东经{o:.4f}°",
    "纬度{a:.4f}经度{o:.4f}",
    "纬度{a:.4f} 经度{o:.4f}",
    "经度:{o:.4f},纬度:{a:.4f}",
    "经度：{o:.4f}，纬度：{a:.4f}",
    "经度{o:.4f}，纬度{a:.4f}",
    "纬度为{a:.4f}，经度为{o:.4f}",
    "纬度:北纬{a:.4f} 经度:东经{o:.4f}",
    "经度E{o:.4f}纬度N{a:.4f}",
    "纬{a:.4f}经{o:.4f}",
    "经{o:.4f}纬{a:.4f}",
    "lat {a:.4f} lon {o:.4f}",
    "lat:{a:.4f},lon:{o:.4f}",
    "lat={a:.4f}&lon={o:.4f}",
    "lat={a:.4f} lng={o:.4f}",
    "Lat {a:.4f}, Long {o:.4f}",
    "lon {o:.4f} lat {a:.4f}",
    "latitude {a:.4f} longitude {o:.4f}",
    "Latitude: {a:.4f}, Longitude: {o:.4f}",
    "lat. {a:.4f} long. {o:.4f}",
    "LAT{a:.4f} LON{o:.4f}",
    "lat/lon {a:.4f} {o:.4f}",
    "lat,lon: {a:.4f}, {o:.4f}",
    "lon/lat: {o:.4f},{a:.4f}",
    "经纬度：{o:.4f}，{a:.4f}",
    "经纬度{a:.4f},{o:.4f}",
    "坐标：{a:.4f}，{o:.4f}",
    "坐标({o:.4f},{a:.4f})",
    "坐标{a:.4f} {o:.4f}",
    "位置:{a:.4f},{o:.4f}",
    "GPS {a:.4f} {o:.4f}",
    "geo:{a:.5f},{o:.5f}",
    "https://maps.example/?q={a:.6f},{o:.6f}",
    "东{o:.4f}北{a:.4f}",
    "北{a:.4f} 东{o:.4f}",
    "E {o:.4f}，N {a:.4f}",
    "{a:.4f}北纬，{o:.4f}东经",
    "{o:.4f}东经 {a:.4f}北纬",
    "東經{o:.4f}北緯{a:.4f}",
    "緯度{a:.4f} 經度{o:.4f}",
    "north {a:.4f} east {o:.4f}",
    "{a:.4f} north, {o:.4f} east",
    "{a:.4f} degrees north {o:.4f} degrees east",
    "{a:.4f}\n{o:.4f}",
    "N{a:.4f}\nE{o:.4f}",
    "N{a:.4f}/E{o:.4f}",
    "N{a:.4f}，E{o:.4f}",
    "N{a:.4f};E{o:.4f}",
    "N{a:.4f}-E{o:.4f}",
    "E:{o:.4f};N:{a:.4f}",
]
COARSER = [
    "{a:.3f},{o:.3f}",
    "{a:.3f} {o:.3f}",
    "N{a:.3f} E{o:.3f}",
    "北纬{a:.3f}东经{o:.3f}",
    "{o:.3f},{a:.3f}",
    "坐标{a:.3f}，{o:.3f}",
]
SEXAGESIMAL = [
    "{d}°{m:02d}'{s}\"N {e}°{n:02d}'{t}\"E",
    "N{d}°{m:02d}'{s}\" E{e}°{n:02d}'{t}\"",
    "{d}°{m}′{s}″N，{e}°{n}′{t}″E",
    "{d}º{m}’{s}”N {e}º{n}’{t}”E",
    "{d}˚{m}'{s}''N {e}˚{n}'{t}''E",
    "E{e}°{n}′{t}″，N{d}°{m}′{s}″",
    "{e}°{n}'{t}\"E {d}°{m}'{s}\"N",
    "北纬{d}度{m}分{s}秒东经{e}度{n}分{t}秒",
    "东经{e}度{n}分{t}秒 北纬{d}度{m}分{s}秒",
    "北纬{d}°{m}′{s}″，东经{e}°{n}′{t}″",
    "纬度{d}度{m}分{s}秒，经度{e}度{n}分{t}秒",
    "{d}度{m}分{s}秒N {e}度{n}分{t}秒E",
    "{d}度{m}分{s}秒,{e}度{n}分{t}秒",
    "{d}-{m:02d}-{s}N {e}-{n:02d}-{t}E",
    "N{d}-{m:02d}-{s} E{e}-{n:02d}-{t}",
    "{d}:{m:02d}:{s}N {e}:{n:02d}:{t}E",
    "N{d} {m:02d} {s} E{e} {n:02d} {t}",
    "{d} {m:02d} {s} N {e} {n:02d} {t} E",
    "{d} {m:02d} {s}N, {e} {n:02d} {t}E",
    "N {d}° {m:02d}' {s}\" E {e}° {n:02d}' {t}\"",
    "{d}° {m:02d}' {s}\" N, {e}° {n:02d}' {t}\" E",
    "{d}d{m:02d}m{s}sN {e}d{n:02d}m{t}sE",
    "N{d}.{m:02d}.{s} E{e}.{n:02d}.{t}",
    "北纬{d}-{m:02d}-{s} 东经{e}-{n:02d}-{t}",
    "{d}°{m:02d}'{s}\" {e}°{n:02d}'{t}\"",
    "{e}°{n:02d}'{t}\",{d}°{m:02d}'{s}\"",
    "lat {d}°{m:02d}'{s}\" lon {e}°{n:02d}'{t}\"",
    "{d:02d}{m:02d}{s}N {e:03d}{n:02d}{t}E",
    "N{d:02d}{m:02d}{s}E{e:03d}{n:02d}{t}",
    "{d}°{m:02d}'{s}N {e}°{n:02d}'{t}E",
    "{d}deg{m:02d}min{s}secN {e}deg{n:02d}min{t}secE",
    "东经{e}°{n}'{t}\"北纬{d}°{m}'{s}\"",
    "經度{e}度{n}分{t}秒 緯度{d}度{m}分{s}秒",
]
MINUTES = [
    "{d}°{m}'N {e}°{n}'E",
    "N{d}°{m}' E{e}°{n}'",
    "N {d}° {m}' E {e}° {n}'",
    "{d:02d}{m}N,{e:03d}{n}E",
    "N{d:02d}{m} E{e:03d}{n}",
    "{d:02d}{m},N,{e:03d}{n},E",
    "{d} {m}N {e} {n}E",
    "N{d} {m} E{e} {n}",
    "{d}-{m}N {e}-{n}E",
    "北纬{d}度{m}分，东经{e}度{n}分",
    "{d}°{m}′N,{e}°{n}′E",
    "东经{e}度{n}分北纬{d}度{m}分",
    "{d}度{m}分 {e}度{n}分",
    "$GPGGA,083015.00,{d:02d}{m},N,{e:03d}{n},E,1,08,1.0,545.4,M,,M,,*47",
    "{d}°{m} N {e}°{n} E",
    "N{d}°{m} E{e}°{n}",
    "北纬{d}度{m} 东经{e}度{n}",
]


def notations():
    """Return (template, writer, tolerance) for places of the region (north, east)."""
    out = [(t, lambda a, o, t=t: t.format(a=a, o=o), FINE) for t in DECIMAL]
    out += [
        ("full-width " + t, lambda a, o, t=t: full_width(t.format(a=a, o=o)), FINE) for t in DECIMAL if "http" not in t
    ]
    out += [(t, lambda a, o, t=t: t.format(a=a, o=o), COARSE) for t in COARSER]
    out += [(t, lambda a, o, t=t: _d(a, o, t), SECOND) for t in SEXAGESIMAL]
    out += [
        ("tenths " + t, lambda a, o, t=t: _d1(a, o, t), FINE)
        for t in SEXAGESIMAL
        if not t.startswith(("{d:02d}", "N{d:02d}"))
    ]
    out += [(t, lambda a, o, t=t: _m(a, o, t), FINE) for t in MINUTES]
    out += [("5 digits " + t, lambda a, o, t=t: _m(a, o, t, 5), FINE) for t in MINUTES]
    for join in ("", "，", " "):
        out.append(
            (
                f"spoken decimal {join!r}",
                lambda a, o, j=join: f"北纬{spoken_decimal(a)}{j}东经{spoken_decimal(o)}",
                FINE,
            )
        )
        out.append(
            (
                f"spoken lon first {join!r}",
                lambda a, o, j=join: f"东经{spoken_decimal(o)}度{j}北纬{spoken_decimal(a)}度",
                FINE,
            )
        )
        out.append(
            (f"spoken digits {join!r}", lambda a, o, j=join: f"北纬{spoken_digits(a)}{j}东经{spoken_digits(o)}", FINE)
        )
        out.append(
            (
                f"spoken dms {join!r}",
                lambda a, o, j=join: "北纬{}度{}分{}秒{}东经{}度{}分{}秒".format(
                    *(spoken_integer(int(float(x))) for x in dms(a)),
                    j,
                    *(spoken_integer(int(float(x))) for x in dms(o)),
                ),
                SECOND,
            )
        )
    out.append(("spoken pair", lambda a, o: f"坐标{spoken_decimal(a)}，{spoken_decimal(o)}", FINE))
    out.append(
        (
            "点 in digits",
            lambda a, o: "北纬{}东经{}".format(f"{a:.4f}".replace(".", "点"), f"{o:.4f}".replace(".", "点")),
            FINE,
        )
    )
    out.append(
        (
            "。 in digits",
            lambda a, o: "{}，{}".format(f"{a:.4f}".replace(".", "。"), f"{o:.4f}".replace(".", "。")),
            FINE,
        )
    )
    return out


AROUND = [
    ("", ""),
    ("SOS ", ""),
    ("求救，3人被困，", ""),
    ("我在", "附近"),
    ("已到达映秀镇 ", "。"),
    ("位置", "，4人受伤"),
    ("SOS 2人受伤 ", ""),
    ("道路塌方，G213线K30+200处，", "，请绕行"),
    ("需要帐篷20顶，", ""),
    ("We are at ", ", 3 people trapped"),
    ("坐标：", "！"),
    ("海拔3500米，", " 平安"),
    ("12:30到达", ""),
]


ABROAD = [
    "{h}{a:.4f} {v}{o:.4f}",
    "{a:.4f}{h} {o:.4f}{v}",
    "{a:.4f}°{h}, {o:.4f}°{v}",
    "{v}{o:.4f},{h}{a:.4f}",
    "{zh}{a:.4f}{zv}{o:.4f}",
    "{zv}{o:.4f}度，{zh}{a:.4f}度",
    "lat {sa:.4f} lon {so:.4f}",
    "latitude: {sa:.4f}, longitude: {so:.4f}",
    "lon={so:.4f}&lat={sa:.4f}",
]


def abroad(template, a, o):
    """Return a place anywhere on Earth in a notation that says its half."""
    return template.format(
        a=abs(a),
        o=abs(o),
        sa=a,
        so=o,
        h="N" if a >= 0 else "S",
        v="E" if o >= 0 else "W",
        zh="北纬" if a >= 0 else "南纬",
        zv="东经" if o >= 0 else "西经",
    )
