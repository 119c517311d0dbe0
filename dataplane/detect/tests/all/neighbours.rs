//! Values that do not stand right behind their name, and what only looks like one.

use crate::common::{builtin, show, whole};
use aegis_detect::Confidence;
use aegis_detect::rule_test::unmark;
use std::fmt::Write as _;

const FOUND: [&str; 62] = [
    // Other members and lines between a name and its value.
    "{\"DB_PASSWORD\": {\"sensitive\": true, \"value\": \"«lanternRiver52!»\"}}",
    "{\"name\":\"DB_PASSWORD\",\"valueFrom\":null,\"value\":\"«lanternRiver52!»\"}",
    "{\"value\":\"«lanternRiver52!»\",\"type\":\"SecureString\",\"name\":\"/prod/db_password\"}",
    "{\"type\":\"CONCEALED\",\"label\":\"password\",\"section\":{\"id\":\"x\"},\"value\":\"«lanternRiver52!»\"}",
    "- name: DB_PASSWORD\n  description: the one\n  value: «k7Lantern52x»\n",
    "password:\n  «k7Lantern52x»\n",
    "passwords:\n  - «k7Lantern52x»\n",
    "[\"login\",\n \"ann\",\n \"password\",\n \"«lanternRiver52!»\"]",
    "  [\"password\"]=>\n  string(15) \"«lanternRiver52!»\"\n",
    "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n«lanternRiver52!»\r\n--b--",
    "<tr><th>Password</th><td>«k7Lantern52x»</td></tr>",
    // Words of commands.
    "[\"sshpass\", \"-p\", \"«k7Lantern52x»\", \"ssh\", \"a@b\"]",
    "a0=\"curl\" a1=\"-u\" a2=\"ann:«k7Lantern52x»\"",
    "    - --password\n    - «k7Lantern52x»\n",
    "reg add HKCU\\Software\\App /v Password /t REG_SZ /d «k7Lantern52x» /f",
    "    Password    REG_SZ    «k7Lantern52x»\n",
    "$ pass show prod/mysql\n«k7!Lantern52x»\nuser: ann\n",
    "-mysql -u root -p«k7Lantern52x» shop\n",
    // Fallbacks.
    "password = ENV['DB_PW'] || '«k7Lantern52x»'",
    "config.token = ENV.fetch('TOKEN') { '«q8Zt4Lm2Xv7Kp1Rw9Bn3»' }",
    "PASSWORD=${1:-«k7Lantern52x»}",
    "password: \"{{ vault_pw | default('«k7Lantern52x»', true) }}\"",
    "password: {{ .Values.pw | default \"«k7Lantern52x»\" | b64enc }}",
    "val pw = System.getenv(\"DB_PASSWORD\") ?: \"«k7Lantern52x»\"",
    "let pw = std::env::var(\"DB_PASSWORD\").unwrap_or(String::from(\"«k7Lantern52x»\"));",
    "password: str = Field(default=\"«k7Lantern52x»\", env=\"PW\")",
    "const secret = config.secret ?? '«q8Zt4Lm2Xv7Kp1Rw9Bn3»';",
    "mapOf(\"password\" to \"«lantern!52x»\")",
    "const std::string kApiToken{\"«q8Zt4Lm2Xv7Kp1Rw9Bn3»\"};",
    // Settings of devices.
    "line vty 0 15\n exec-timeout 5\n password «k7Lantern52x»\n login\n",
    "crypto ikev2 keyring K\n peer A\n  pre-shared-key local «k7Lantern52x»\n",
    "router bgp 1\n neighbor PEERS password 0 «k7Lantern52x»\n",
    "enable algorithm-type sha256 secret «k7Lantern52x»",
    "%any %any : PSK \"«lanternRiver52!»\"",
    "client switch1 {\n\tsecret = «LanternRiver5274»\n}\n",
    // Sentences.
    "the pass is «k7Lantern52x»",
    "please set «k7Lantern52x» as the new password",
    "You can log in as ann / «k7Lantern52x» there.",
    "Password:\n«k7Lantern52x»\n",
    "The password was changed from «k7Lantern52x» this morning",
    "A temporary password is generated for root@localhost: «k7Lantern52x»",
    "Le mot de passe du wifi : «k7Lantern52x»",
    "Das Kennwort vom Router ist «k7Lantern52x».",
    "La contraseña del servidor es «k7Lantern52x» y el usuario ann.",
    "A senha do banco é «k7Lantern52x», o usuário é ann.",
    "La password del wifi è «k7Lantern52x»",
    "Het wachtwoord van de router is «k7Lantern52x».",
    "Hasło do bazy to «k7Lantern52x».",
    "Пароль от сервера: «k7Lantern52x»",
    "логин ann, пароль «k7Lantern52x»",
    "Ο κωδικός για τον server είναι «k7Lantern52x»",
    "Parola serverului este «k7Lantern52x».",
    "Sunucunun şifresi «k7Lantern52x» olarak ayarlandı.",
    "सर्वर का पासवर्ड «k7Lantern52x» है।",
    "Kata sandi server adalah «k7Lantern52x», ya.",
    "密码是「«k7Lantern52x»」",
    "パスワードは「«k7Lantern52x»」です",
    // Files and links.
    "APP=x\nMAIL_PASSWORD=«p4'w0rd;Zq»\n",
    "host: a\npass: «correct-horse-battery-staple»\n",
    "broker_password=«82dbf80e-2ddc-41d8-a2bb-e7d5071b16f3»\n",
    "db1:6543:shop:ann:«k7Lantern52x»",
    "Cookie: lang=de; sid=«q8Zt4Lm2Xv7Kp1Rw9Bn3yH6d»; theme=dark",
];

const CLEAN: [&str; 40] = [
    "{\"name\":\"password\",\"type\":\"string\",\"description\":\"The user's password\",\"value\":null}",
    "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db-secret-v2\n      key: password1\n",
    "[\n  \"username\",\n  \"password\",\n  \"email2fa_code\",\n  \"oauth2Token\"\n]",
    "password:\n  type: string\n  minLength: 12\n",
    "passwords:\n  - must not be empty\n  - must have 1 digit\n",
    "Password:\nMust be 8-64 characters\n",
    "password = request.args.get('password') or 'anonymous'",
    "const token = opts.token ?? 'none';",
    "password: {{ .Values.password | default \"\" | quote }}",
    "PASSWORD=${PASSWORD:-$DEFAULT_PASSWORD1}",
    "jwt.sign(payload, process.env.JWT_SECRET, {expiresIn: '15m'})",
    "db.connect('localhost', 5432, 'orders_2026')",
    "button.connect('clicked', 'on_button2_clicked', 'data-id')",
    "the password 7 characters long is too short",
    "The neighbor password must be set. neighbor 10.0.0.1 remote-as 65001",
    "Configure tacacs-server key before aaa new-model.",
    "pass show\nUsage: pass show [--clip] pass-name\n",
    "$ argocd admin initial-password -n argocd\nError: context2 not found\n",
    "use bcrypt12 as the password hash",
    "The password is 12 characters long. The token is valid for 3600s.",
    "log in as admin / user2 / guest to see the three roles",
    "La clave es incorrecta v2. Senha incorreta.",
    "Пароль должен содержать 12 символов.",
    "パスワードは8文字以上で入力してください。",
    "SHA256 (secret.txt) = 055f44fce0a7b4fdbe8bd528d215bb91b357d7c5fb5f97f35e6de6b201555368",
    "MD5(passwords.csv)= 4453fef88e0bc58e4bfb79faaa6bb3c7",
    "\"nextPageToken\": \"P9RCrt4qfjLsTpMGXvrBlLOO6UpNX4rYvkDNuLGUen6tUejN\"",
    "cursor_token=9c3b1e2ad5f84c7f9c3b1e2ad5f84c7f&limit=10",
    "cache key: cargo-9c3b1e2ad5f84c7f9c3b1e2ad5f84c7f9c3b1e2ad5f84c7f",
    "arn:aws:secretsmanager:eu-west-1:123412341234:secret:prod/db-a1B2c3",
    "password: ENC[AES256_GCM,data:9c3b1e2ad5f84c7f,iv:x,tag:y,type:str]",
    "db_password: vault:v1:9c3b1e2ad5f84c7f9c3b1e2ad5f84c7f",
    "api_key: sk-...q7Zf",
    "  public key: ybE6OBiBSEu53Ri4r8q7JcOqxOF3bNwMDx+xAFRNepI=\n",
    "private key: (hidden)\n",
    "<tr><th>User</th><th>Password</th></tr><tr><td>ann</td><td>********</td></tr>",
    "INSERT INTO permissions (id, token) VALUES (1, 'users.read'), (2, 'users.write2');",
    "secret = Sha256Generator\n",
    "\"sid\": \"S-1-5-21-1004336348-1177238915-682003330-512\"",
    "~ password = (sensitive value) -> (known after apply)",
];

#[test]
fn values_away_from_their_names_are_found() {
    let (rules, mut scanner) = builtin();
    let mut missed = String::new();
    for text in FOUND {
        let (text, secret) = unmark(text);
        let found = whole(&mut scanner, text.as_bytes());
        let sure: Vec<_> = found.iter().filter(|f| f.confidence > Confidence::Low).map(|f| f.span).collect();
        if sure != [secret] {
            let _ = writeln!(missed, "{text:?}\n  got {}", show(&rules, &text, &found));
        }
    }
    assert!(missed.is_empty(), "{missed}");
}

#[test]
fn what_only_looks_like_a_secret_is_left() {
    let (rules, mut scanner) = builtin();
    let mut hits = String::new();
    for text in CLEAN {
        let found = whole(&mut scanner, text.as_bytes());
        if found.iter().any(|f| f.confidence > Confidence::Low) {
            let _ = writeln!(hits, "{text:?}\n  got {}", show(&rules, text, &found));
        }
    }
    assert!(hits.is_empty(), "{hits}");
}
