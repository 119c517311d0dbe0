"""Files that hold credentials and have a form of their own."""
import base64
from .registry import kinds

add = kinds("files")


def cookie_jar(m):
    return ("# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n\n"
            f"#HttpOnly_.corp.example\tTRUE\t/\tTRUE\t{m.number(1790000000, 1799999999)}\tsessionid\t{m.alnum(32)}\n"
            f".corp.example\tTRUE\t/\tFALSE\t0\tlang\tde\n")


def rsa_key_value(m):
    part = lambda name, size: f"<{name}>{m.base64(size)}</{name}>"
    return (f"<RSAKeyValue><Modulus>{base64.b64encode(m.random.randbytes(128)).decode()}</Modulus><Exponent>AQAB</Exponent>"
            + part("P", 64) + part("Q", 64) + part("DP", 64) + part("DQ", 64) + part("InverseQ", 64) + part("D", 128) + "</RSAKeyValue>\n")


def minisign(m):
    return f"untrusted comment: minisign encrypted secret key\n{m.secret('RWRTY0Iy' + m.chars('ABCDEFabcdef0123456789+/xyzXYZ', 204))}\n"


def keytab(m):
    return f"$ xxd -p app.keytab | tr -d '\\n'\n{m.secret('0502' + m.chars('0123456789abcdef', 140))}\n"


add(".pgpass", lambda m: f"{m.host()}:{m.pick(['5432', '6543', '5433', '*'])}:orders:{m.user()}:{m.random_password()}\nlocalhost:5433:*:{m.user()}:{m.random_password()}\n")
add(".netrc one line", lambda m: f"machine {m.host()}.corp.example login {m.user()} password {m.password()}\n")
add(".netrc lines", lambda m: f"machine api.corp.example\n  login {m.user()}\n  password {m.password()}\n\nmachine ftp.corp.example\n\tlogin anonymous\n")
add(".pypirc", lambda m: f"[distutils]\nindex-servers = corp\n\n[corp]\nrepository: https://pypi.corp.example/\nusername: {m.user()}\npassword: {m.password()}\n")
add(".npmrc", lambda m: f"registry=https://npm.corp.example/\n//npm.corp.example/:_authToken={m.npm()}\nalways-auth=true\n")
add(".npmrc password", lambda m: f"//npm.corp.example/:username={m.user()}\n//npm.corp.example/:_password={m.encoded()}\n")
add(".my.cnf", lambda m: f"[client]\nuser={m.user()}\npassword={m.password()}\nhost={m.host()}\n")
add(".s3cfg", lambda m: f"[default]\naccess_key = {m.aws_id()}\nbucket_location = eu-west-1\nsecret_key = {m.aws_secret()}\nuse_https = True\n")
add("aws credentials", lambda m: f"[default]\naws_access_key_id = {m.aws_id()}\naws_secret_access_key = {m.aws_secret()}\n")
add("git-credentials", lambda m: f"https://{m.user()}:{m.gitlab()}@gitlab.corp.example\n")
add("cookie jar", cookie_jar)
add("registry file", lambda m: f'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon]\n"AutoAdminLogon"="1"\n"DefaultUserName"="{m.user()}"\n"DefaultPassword"="{m.symbols()}"\n')
add("reg query", lambda m: f"HKEY_LOCAL_MACHINE\\SOFTWARE\\Corp\\Sync\n    Server    REG_SZ    {m.host()}\n    Password    REG_SZ    {m.password()}\n")
add("plist", lambda m: f'<plist version="1.0">\n<dict>\n\t<key>Username</key>\n\t<string>{m.user()}</string>\n\t<key>Password</key>\n\t<string>{m.password()}</string>\n</dict>\n</plist>\n')
add("maven settings", lambda m: f"<server>\n  <id>releases</id>\n  <username>{m.user()}</username>\n  <password>{m.symbols(signs='!#%*+=')}</password>\n</server>\n")
add("web.config", lambda m: f'<connectionStrings>\n  <add name="Main" connectionString="Server={m.host()};Database=shop;User Id={m.user()};Password={m.symbols(signs="!#%*+")};" />\n</connectionStrings>\n')
add("tomcat-users", lambda m: f'<tomcat-users>\n  <user username="{m.user()}" password="{m.human()}" roles="manager-gui"/>\n</tomcat-users>\n')
add("XML entry", lambda m: f'<properties>\n  <entry key="db.user">{m.user()}</entry>\n  <entry key="db.password">{m.password()}</entry>\n</properties>\n')
add("jenkins credentials", lambda m: f"<com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>\n  <id>deploy</id>\n  <username>{m.user()}</username>\n  <password>{m.human()}</password>\n</com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>\n")
add("SOAP security", lambda m: f'<wsse:UsernameToken><wsse:Username>{m.user()}</wsse:Username><wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">{m.symbols(signs="!#%*+=")}</wsse:Password></wsse:UsernameToken>\n')
add("unattend.xml", lambda m: f"<AutoLogon>\n  <Password>\n    <Value>{m.human()}</Value>\n    <PlainText>true</PlainText>\n  </Password>\n  <Username>Administrator</Username>\n</AutoLogon>\n")
add("RSAKeyValue", rsa_key_value)
add("JWK oct", lambda m: f'{{"kty":"oct","kid":"{m.plain_uuid()}","alg":"HS256","k":"{m.base64url(32)}"}}\n')
add("minisign", minisign)
add("keytab in hex", keytab)
add("WireGuard file", lambda m: f"[Interface]\nAddress = 10.8.0.2/24\nPrivateKey = {m.base64(32)}\n\n[Peer]\nPublicKey = {m.public_key()}\nPresharedKey = {m.base64(32)}\nEndpoint = vpn.corp.example:51820\n")
add("wg showconf", lambda m: f"[Interface]\nListenPort = 51820\nFwMark = 0xca6c\nPrivateKey = {m.base64(32)}\n")
add("wg show dump", lambda m: f"$ wg show wg0 dump\n{m.base64(32)}\t{m.public_key()}\t51820\toff\n")
add("hardhat accounts", lambda m: f"Account #0: 0x{m.sha(40)} (10000 ETH)\nPrivate Key: 0x{m.hex(64)}\n\nAccount #1: 0x{m.sha(40)} (10000 ETH)\nPrivate Key: 0x{m.hex(64)}\n")
add("seed phrase", lambda m: f"{m.mnemonic()}\n")
add("seed phrase in prose", lambda m: f"I wrote it down as {m.mnemonic()} and the wallet still says invalid.\n")
add("otpauth", lambda m: f"otpauth://totp/Corp:{m.user()}@corp.example?secret={m.totp()}&issuer=Corp&digits=6\n")
add("ldif", lambda m: f"dn: uid={m.user()},ou=people,dc=corp,dc=example\nobjectClass: inetOrgPerson\nuserPassword: {m.human()}\nmail: a@corp.example\n")
add("smb credentials", lambda m: f"username={m.user()}\npassword={m.human()}\ndomain=CORP\n")
add("sasl_passwd", lambda m: f"[smtp.corp.example]:587 {m.user()}@corp.example:{m.random_password()}\n")
add("ppp secrets", lambda m: f'# Secrets for authentication using PAP\n"{m.user()}"\t*\t"{m.human()}"\t*\n')
add("filezilla", lambda m: f'<Server>\n  <Host>{m.host()}</Host>\n  <User>{m.user()}</User>\n  <Pass encoding="base64">{m.encoded()}</Pass>\n</Server>\n')
add("kubeconfig token", lambda m: f"users:\n- name: admin\n  user:\n    token: {m.jwt()}\n")
add("kubeconfig password", lambda m: f"users:\n- name: admin\n  user:\n    username: {m.user()}\n    password: {m.human()}\n")
add("kaggle.json", lambda m: f'{{"username":"{m.user()}","key":"{m.hex(32)}"}}\n')
