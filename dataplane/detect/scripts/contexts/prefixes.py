"""What tools put before each line and around words: `PREFIXES` maps each name to its group and to a function from
marked text to marked text (see `marks`)."""
import json
import re

from marks import CLOSE, OPEN

PREFIXES = {}
ESC = "\x1b"


def add(group, name, change):
    assert name not in PREFIXES, name
    PREFIXES[name] = (group, change)


def lines(text):
    return (text[:-1] if text.endswith("\n") else text).split("\n")


def each(form, head="", tail=""):
    """Puts `form` before each line; `{n}` in it is the line's number."""
    def change(text):
        body = "".join(form.format(n=n, s=f"{n * 7 % 60:02}", m=f"{n * 137 % 1000:03}") + line + "\n"
                       for n, line in enumerate(lines(text), 41))
        return head + body + tail
    return change


def hunk(sign):
    def change(text):
        count = len(lines(text))
        return f"@@ -41,{count} +41,{count} @@ main\n" + each(sign)(text)
    return change


def named(name, value, escape=ESC):
    """Colours names and values as `jq -C` and `bat` do: each in a colour of its own."""
    pair = re.compile(r"""^(\s*(?:export )?)((?:"[^"\n]*"|[\w.\-/]+))(\s*[:=]\s*)(.+?)(,?)$""")
    word = re.compile(r"""("[^"\n]*"|'[^'\n]*')""")
    on, off = (lambda code: f"{escape}[{code}m"), f"{escape}[0m"

    def line(text):
        found = pair.match(text)
        if found:
            lead, key, sign, rest, comma = found.groups()
            return f"{lead}{on(name)}{key}{off}{sign}{on(value)}{rest}{off}{comma}"
        return word.sub(lambda s: on(value) + s[0] + off, text)
    return lambda text: "".join(line(l) + "\n" for l in lines(text))


KEYWORD = re.compile(r"password|passwd|passphrase|secret|token|api.?key|pass|key|auth", re.I)


def highlighted(text):
    """`grep --color` of a word in the name."""
    def line(text):
        for found in KEYWORD.finditer(text):
            if text.count(OPEN, 0, found.start()) == text.count(CLOSE, 0, found.start()):
                return f"{text[:found.start()]}{ESC}[01;31m{ESC}[K{found[0]}{ESC}[m{ESC}[K{text[found.end():]}"
        return text
    return "".join(line(l) + "\n" for l in lines(text))


def inside(text):
    """`grep --color` of a token's first characters."""
    return re.sub(f"{OPEN}(.{{4}})", lambda s: f"{OPEN}{ESC}[01;31m{ESC}[K{s[1]}{ESC}[m{ESC}[K", text)


def overstruck(text):
    """Names in bold as `man` and `nroff` print them."""
    bold = lambda s: "".join(f"{c}\b{c}" for c in s[1]) + s[2]
    return re.sub(r"^([A-Za-z_]{3,})(\s*[:=])", bold, text, flags=re.M)


def docker_log(text):
    return "".join(json.dumps({"log": line + "\n", "stream": "stdout", "time": f"2026-11-30T10:12:{n % 60:02}.123456789Z"}, ensure_ascii=False) + "\n"
                   for n, line in enumerate(lines(text)))


def record(text):
    return "".join(json.dumps({"ts": 1764500000 + n, "level": "info", "msg": line}, ensure_ascii=False) + "\n" for n, line in enumerate(lines(text)))


def visible(text):
    return "".join(line.replace("\t", "^I") + "$\n" for line in lines(text))


def blank(character):
    return lambda text: "".join(re.sub(r"^[ \t]*", lambda s: character * (len(s[0]) + 1), line) + "\n" for line in lines(text))


for name, form in {"cat -n": "{n:6}\t", "number and arrow": "{n:6}\u2192", "number and bar": "{n:4} | ", "number, colon": "{n}:",
                   "number, colon, space": "{n}: ", "number and dash": "{n} - ", "number and parenthesis": "{n}) ",
                   "nl": "{n:6}  "}.items():
    add("line numbers", name, each(form))
for name, form in {"rg -n": "config/prod/app.env:{n}:", "rg --column": "src/db.py:{n}:1:", "grep -C": "config/app.yml-{n}-",
                   "git blame": "4f2c9a1b (Ann Keller 2026-03-04 11:12:13 +0100 {n:3}) "}.items():
    add("search", name, each(form))
for name, form in {"added": "+", "removed": "-", "kept": " ", "merged": "++"}.items():
    add("diffs", name, hunk(form))
for name, form in {"quoted": "> ", "quoted twice": "> > ", "thin gutter": "\u2502 ", "thick gutter": "\u2503 ", "block": "\u258c ",
                   "guillemet": "\u00bb ", "bullet": "\u2022 ", "bar": "| ", "indented": "    "}.items():
    add("quotes", name, each(form))
for name, form in {"ISO time": "2026-11-30T10:12:{s}.{m}Z ", "time and level": "2026-11-30 10:12:{s},{m} INFO app.main ",
                   "clock": "[10:12:{s}] ", "level": "INFO: ", "level in brackets": "[DEBUG] ", "compose": "api-1  | ",
                   "pod": "[pod/api-7c9d/api] ", "syslog": "Nov 30 10:12:{s} web-2 app[2211]: ",
                   "journal": "Nov 30 10:12:{s} web-2 systemd[1]: app.service: ", "Actions": "deploy\tRun it\t2026-11-30T10:12:{s}.1234567Z ",
                   "glog": "I1130 10:12:{s}.{m}456    2211 main.go:{n}] "}.items():
    add("logs", name, each(form))
add("logs", "docker log", docker_log)
add("logs", "JSON record", record)
for name, form in {"hash": "# ", "slashes": "// ", "star": " * ", "semicolons": ";; ", "dashes": "-- ", "rem": "REM "}.items():
    add("comments", name, each(form))
add("characters", "no-break space", blank("\u00a0"))
add("characters", "zero-width space", each("\u200b"))
add("characters", "byte order mark", lambda text: "\ufeff" + text)
add("characters", "CRLF", lambda text: text.replace("\n", "\r\n"))
add("characters", "line separator", lambda text: text.replace("\n", "\u2028"))
add("characters", "cat -A", visible)
add("colours", "line green", lambda text: "".join(f"{ESC}[32m{l}{ESC}[m\n" for l in lines(text)))
add("colours", "git diff", lambda text: "".join(f"{ESC}[32m+{ESC}[m{ESC}[32m{l}{ESC}[m\n" for l in lines(text)))
add("colours", "names and values", named("34;1", "0;32"))
add("colours", "names and values, \\x1b", named("34;1", "0;32", "\\x1b"))
add("colours", "names and values, \\033", named("1;34", "32", "\\033"))
add("colours", "names and values, \\u001b", named("34;1", "32", "\\u001b"))
add("colours", "match in a name", highlighted)
add("colours", "match in a value", inside)
add("colours", "rg in colour", each(f"{ESC}[0m{ESC}[35mconfig/app.env{ESC}[0m:{ESC}[0m{ESC}[32m{{n}}{ESC}[0m:"))
add("colours", "bat", each(f"{ESC}[38;5;238m{{n:4}}{ESC}[0m   {ESC}[38;5;238m\u2502{ESC}[0m ", "\u2500" * 7 + "\u252c" + "\u2500" * 40 + "\n", "\u2500" * 7 + "\u2534" + "\u2500" * 40 + "\n"))
add("colours", "overstruck", overstruck)
add("colours", "link", each(f"{ESC}]8;;file:///srv/app.env{ESC}\\app.env{ESC}]8;;{ESC}\\:{{n}}: "))
add("surroundings", "middle of a file", lambda text: "# settings of the shop, see the wiki\nregion eu-west-1\nreplicas 3\n" + text + "timezone UTC\nend of it\n")
add("surroundings", "no line feed", lambda text: text.rstrip("\n"))
add("surroundings", "fence", lambda text: f"Have a look:\n\n```\n{text}```\n\nWhat is wrong with it?\n")
add("surroundings", "chat body", lambda text: json.dumps({"role": "user", "content": "Have a look:\n" + text}, ensure_ascii=False))
add("surroundings", "tool output", lambda text: json.dumps({"content": [{"type": "text", "text": json.dumps({"stdout": text, "code": 0}, ensure_ascii=False)}]}, ensure_ascii=False))
