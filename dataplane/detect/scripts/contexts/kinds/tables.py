"""Tables: the name of a secret is the header of a column."""
from .registry import kinds
from .cloud import boxed

add = kinds("tables")


def rows(m, count=3):
    return [[str(m.number(1, 99)), m.user(), m.password(), m.date()] for _ in range(count)]


def aligned(table, gap="  "):
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(gap.join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in table) + "\n"


def psql(m):
    table = [["id", "username", "password", "created_at"], *rows(m)]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    head = " " + " | ".join(c.center(w) for c, w in zip(table[0], widths)).rstrip() + " "
    body = "\n".join(" " + " | ".join([r[0].rjust(widths[0])] + [c.ljust(w) for c, w in zip(r[1:], widths[1:])]).rstrip() for r in table[1:])
    return f"{head}\n{'+'.join('-' * (w + 2) for w in widths)}\n{body}\n(3 rows)\n"


def ascii_box(table):
    """A table as mysql prints it."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    line = "+" + "+".join("-" * (w + 2) for w in widths) + "+"
    cells = lambda row: "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"
    return "\n".join([line, cells(table[0]), line, *map(cells, table[1:]), line]) + "\n"


def markdown(table):
    return "\n".join(["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0]), *("| " + " | ".join(r) + " |" for r in table[1:])]) + "\n"


def csv(m):
    return "id,username,password,created\n" + "".join(",".join(r) + "\n" for r in rows(m))


def tokens(m, count=2):
    return [[m.user(), m.opaque(), m.date()] for _ in range(count)]


add("CSV", csv)
add("CSV quoted", lambda m: '"name","login","password","url"\n' + "".join(f'"Mail","{m.user()}","{m.symbols()}","https://{m.host()}/"\n' for _ in range(2)))
add("CSV semicolons", lambda m: "Host;User;Passwort;Bemerkung\n" + "".join(f"{m.host()};{m.user()};{m.password()};Keller\n" for _ in range(2)))
add("CSV of a browser", lambda m: "name,url,username,password,note\n" + "".join(f"{m.host()}.corp.example,https://{m.host()}.corp.example/login,{m.user()},{m.symbols()},\n" for _ in range(2)))
add("CSV of tokens", lambda m: "client,api_token,expires\n" + "".join(",".join(r) + "\n" for r in tokens(m)))
add("CSV one column", lambda m: f"api_key\n{m.opaque()}\n{m.opaque()}\n")
add("TSV", lambda m: "host\tuser\tpassword\n" + "".join(f"{m.host()}\t{m.user()}\t{m.password()}\n" for _ in range(3)))
add("Markdown table", lambda m: markdown([["Environment", "User", "Password"], ["staging", m.user(), m.password()], ["production", m.user(), m.password()]]))
add("Markdown table of names", lambda m: markdown([["Variable", "Value"], ["DB_HOST", m.host()], ["DB_PASSWORD", m.password()]]))
add("Markdown table in code", lambda m: markdown([["Service", "API key"], ["Billing", f"`{m.opaque()}`"], ["Search", f"`{m.opaque()}`"]]))
add("box table", lambda m: boxed(["User", "Password", "Role"], [[m.user(), m.password(), "admin"], [m.user(), m.password(), "viewer"]]))
add("psql", psql)
add("psql expanded", lambda m: f"-[ RECORD 1 ]---------\nid       | 7\nusername | {m.user()}\npassword | {m.password()}\nactive   | t\n")
add("psql tuples only", lambda m: f" id |  name  |              api_key\n----+--------+-----------------------------------\n  1 | {m.user()} | {m.opaque()}\n")
add("mysql", lambda m: ascii_box([["id", "user", "password"], *[r[:3] for r in rows(m)]]) + "3 rows in set (0.00 sec)\n")
add("mysql vertical", lambda m: f"*************************** 1. row ***************************\n      id: 4\n    user: {m.user()}\npassword: {m.password()}\n1 row in set (0.00 sec)\n")
add("mysql batch", lambda m: "id\tname\tapi_token\n" + "".join(f"{m.number(1, 99)}\t{m.user()}\t{m.opaque()}\n" for _ in range(2)))
add("sqlite column", lambda m: aligned([["id", "login", "password"], ["--", "------", "----------------"], *[r[:3] for r in rows(m, 2)]]))
add("sqlite list", lambda m: "id|login|password\n" + "".join("|".join(r[:3]) + "\n" for r in rows(m, 2)))
add("sqlcmd", lambda m: aligned([["Login", "Password", "Role"], ["-" * 10, "-" * 24, "-" * 8], [m.user(), m.password(), "owner"]], " "))
add("INSERT", lambda m: f"INSERT INTO users (id, email, password, role) VALUES (1, 'a@corp.example', '{m.password()}', 'admin');\n")
add("INSERT several rows", lambda m: f"INSERT INTO api_clients (name, token, created_at) VALUES\n  ('billing', '{m.opaque()}', '2026-01-02'),\n  ('search', '{m.opaque()}', '2026-03-04');\n")
add("INSERT with quotes", lambda m: f"INSERT INTO `wp_options` (`option_id`, `smtp_password`, `autoload`) VALUES (17, '{m.human()}', 'yes');\n")
add("COPY", lambda m: "COPY public.users (id, email, password, role) FROM stdin;\n" + "".join(f"{m.number(1, 99)}\t{m.user()}@corp.example\t{m.password()}\tadmin\n" for _ in range(2)) + "\\.\n")
add("PowerShell Name Value", lambda m: "Name                           Value\n----                           -----\n" + f"COMPUTERNAME                   WS-14\nDB_PASSWORD                    {m.password()}\nPROCESSOR_LEVEL                6\n")
add("PowerShell table", lambda m: f"UserName Password         Enabled\n-------- --------         -------\n{m.user():8} {m.simple():16} True\n")
add("PowerShell list", lambda m: f"UserName : {m.user()}\nPassword : {m.password()}\nEnabled  : True\n")
add("pandas", lambda m: aligned([["", "user", "password"], *[[str(i), m.user(), m.password()] for i in range(2)]]))
add("rst table", lambda m: "========  ==================\nUser      Password\n========  ==================\n" + "".join(f"{m.user():8}  {m.simple()}\n" for _ in range(2)) + "========  ==================\n")
add("Confluence table", lambda m: f"||Host||User||Password||\n|{m.host()}|{m.user()}|{m.password()}|\n|{m.host()}|{m.user()}|{m.password()}|\n")
add("HTML table", lambda m: f"<table>\n<tr><th>User</th><th>Password</th></tr>\n<tr><td>{m.user()}</td><td>{m.human()}</td></tr>\n</table>\n")
add("lines of a list", lambda m: f"Username          Password\n{m.user():17} {m.human()}\n{m.user():17} {m.human()}\n")
add("JSON columns", lambda m: f'{{"columns":["id","user","password"],"rows":[[1,"{m.user()}","{m.symbols()}"],[2,"{m.user()}","{m.symbols()}"]]}}\n')
