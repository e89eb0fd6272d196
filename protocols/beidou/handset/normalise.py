"""One spelling for what people type: full-width, traditional, curly and foreign forms become plain ones.

Input methods give ``３０．１２``, ``30。12``, ``°`` in five shapes and traditional characters; every later file sees one
form only: ASCII digits, letters in lower case, ASCII punctuation, simplified characters. Length may change, so
positions in the result are not positions in what was typed; the typed text itself is kept by the caller.
"""

from __future__ import annotations

import re
import unicodedata

TEXT_CHARS_MAX = 4000
"""Characters of a text that are read; a handset message is far shorter and nothing after them changes its kind."""

_SAME = {
    "°": "º˚゜℃℉",
    "'": "′’‘´`＇ˈ‛",
    '"': "″”“〃＂〞〝‟",
    "-": "－–—−‐‑﹣",
    ",": "，﹐､",
    ".": "．﹒",
    ":": "：∶﹕",
    ";": "；﹔",
    "(": "（﹙【〔",
    ")": "）﹚】〕",
    "[": "［",
    "]": "］",
    "~": "～〜",
    "*": "×✕＊",
    " ": "\u3000\u00a0\t\r\v\f",
}
# Temperature signs stay what they are: a degree sign there would look like an angle.
_SAME["°"] = _SAME["°"].replace("℃", "").replace("℉", "")

# Traditional characters of the vocabulary (Hong Kong, Taiwan, Macau handsets); the pairs are those of Unihan kSimplifiedVariant.
_TRADITIONAL = (
    "東东經经緯纬萬万點点兩两陸陆壹一貳二參三肆四伍五陸六柒七捌八玖九拾十佰百仟千參叁傷伤亡亡蹤踪聯联難难遇遇犧牺"
    "牲牲輕轻確确認认達达們们遭遭困困壓压埋埋請请緊紧紧紧醫医藥药護护車车帳帐篷篷糧粮飲饮災灾傾倾橋桥斷断電电線线"
    "網网號号訊讯報报險险場场壩坝堤堤潰溃決决漲涨暴暴風风颱台雲云霧雾爐炉燒烧滅灭熱热凍冻結结積积雪雪崩崩滑滑"
    "個个隻只頂顶條条輛辆臺台艘艘機机員员團团隊队衛卫學学習习樓楼屋屋頭头嗎吗謝谢這这裡里裏里還还沒没無无與与"
    "來来過过進进離离轉转運运營营區区縣县鄉乡鎮镇島岛灣湾漁渔貨货發发現现處处體体積积歲岁親亲媽妈兒儿婦妇產产"
    "餘余強强級级淺浅澇涝淹淹沒没礦矿毒毒氣气爆爆洩泄滲渗裂裂縫缝倒倒塌塌墜坠撐撑餓饿凍冻昏昏時时間间幾几數数"
    "約约萬万億亿贈赠給给搶抢開开關关閉闭燈灯帶带缺缺棄弃備备設设補补給给應应該该當当執执務务錯错誤误動动靜静"
)


def _table() -> dict[int, str]:
    """Build the character table once; later entries do not override earlier ones."""
    table: dict[int, str] = {}
    for code in range(0xFF01, 0xFF5F):  # full-width ASCII
        table[code] = chr(code - 0xFEE0).lower()
    for plain, forms in _SAME.items():
        table.update({ord(form): plain for form in forms})
    for old, new in zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True):
        if old != new:
            table.setdefault(ord(old), new)
    for code in range(ord("A"), ord("Z") + 1):
        table[code] = chr(code).lower()
    return table


_TABLE = _table()
_IDEOGRAPHIC_POINT = re.compile(r"(?<![0-9.。])([0-9]{1,5})。(?=[0-9])")


def _plain(char: str) -> str:
    """Return the plain form of a character outside ASCII that the table does not know."""
    digit = unicodedata.decimal(char, None)  # Tibetan, Arabic and other decimal digits
    if digit is not None:
        return str(digit)
    return "" if unicodedata.category(char) in {"Cf", "Mn"} else char


def normalise(text: str) -> str:
    """Return the first TEXT_CHARS_MAX characters of ``text`` in the one spelling the other files read."""
    mapped = text[:TEXT_CHARS_MAX].translate(_TABLE)
    if not mapped.isascii():
        mapped = "".join(char if char < "\x80" or "一" <= char <= "龥" else _plain(char) for char in mapped)
        # 30。123 is an input method's full stop; 30。123。103 is a list and stays one.
        mapped = _IDEOGRAPHIC_POINT.sub(r"\1.", mapped)
    return mapped
