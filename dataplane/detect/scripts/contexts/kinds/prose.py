"""People who write about a password, in seventeen languages and the forms of each."""
from .registry import kinds

add = kinds("prose")

SENTENCES = {
    "English is": "The server is up again. The root password is {}, please change it after the first login.",
    "English use": "Use {} as the password and tell me if the login works.",
    "English pass": "user is app, pass is {} and the port is 5432",
    "English line break": "Here are the credentials you asked for.\n\nUser: app\nPassword:\n{}\n\nThanks!",
    "English log in as": "You can log in as ann / {} on the staging host.",
    "English set to": "I set the admin password to {} for now.",
    "English token": "my api token is {o}, why do I get a 401?",
    "English colon in a line": "can you test it? login: app, password: {}",
    "English smart quotes": "The Wi-Fi password is \u201c{}\u201d.",
    "English backticks": "The password is `{}` and the user is `app`.",
    "English bold": "- **Password:** {}\n- **User:** app",
    "English message alone": "password: {}",
    "English with password": "connect to db1 with user app and password {} and count the rows",
    "English changed from": "The password was changed from {} to {} this morning.",
    "English key below": "This is the API key:\n\n    {o}\n\nIt expires in May.",
    "German": "Das Passwort lautet {}, bitte nach dem Anmelden \u00e4ndern.",
    "German ist": "Benutzer ist app und das Kennwort ist {}.",
    "German f\u00fcr": "Passwort f\u00fcr den Server: {}",
    "French": "Le mot de passe du serveur : {}",
    "French est": "Bonjour, le mot de passe est {} et l'utilisateur app.",
    "Spanish": "La contrase\u00f1a del servidor es {} y el usuario app.",
    "Spanish colon": "Contrase\u00f1a: {}",
    "Portuguese": "A senha do banco \u00e9 {}, o usu\u00e1rio \u00e9 app.",
    "Portuguese colon": "usu\u00e1rio: app\nsenha: {}",
    "Italian": "La password del server \u00e8 {}.",
    "Italian parola": "Parola d'ordine: {}",
    "Dutch": "Het wachtwoord van de server is {}.",
    "Polish": "Has\u0142o do serwera to {}",
    "Polish colon": "has\u0142o: {}",
    "Russian": "\u041f\u0430\u0440\u043e\u043b\u044c \u043e\u0442 \u0441\u0435\u0440\u0432\u0435\u0440\u0430: {}",
    "Russian dash": "\u043b\u043e\u0433\u0438\u043d app, \u043f\u0430\u0440\u043e\u043b\u044c {}",
    "Greek": "\u039f \u03ba\u03c9\u03b4\u03b9\u03ba\u03cc\u03c2 \u03c0\u03c1\u03cc\u03c3\u03b2\u03b1\u03c3\u03b7\u03c2 \u03b5\u03af\u03bd\u03b1\u03b9 {}.",
    "Romanian": "Parola serverului este {}.",
    "Turkish": "Sunucunun \u015fifresi {} olarak ayarland\u0131.",
    "Turkish colon": "Parola: {}",
    "Hindi": "\u0938\u0930\u094d\u0935\u0930 \u0915\u093e \u092a\u093e\u0938\u0935\u0930\u094d\u0921 {} \u0939\u0948\u0964",
    "Indonesian": "Kata sandi server adalah {}, tolong diganti.",
    "Chinese": "\u670d\u52a1\u5668\u7684\u5bc6\u7801\u662f{}\uff0c\u8bf7\u5c3d\u5feb\u4fee\u6539\u3002",
    "Chinese colon": "\u7528\u6237\u540d\uff1aapp\n\u5bc6\u7801\uff1a{}",
    "Japanese": "\u30b5\u30fc\u30d0\u30fc\u306e\u30d1\u30b9\u30ef\u30fc\u30c9\u306f{}\u3067\u3059\u3002",
    "Japanese colon": "\u30d1\u30b9\u30ef\u30fc\u30c9\uff1a{}",
    "Korean": "\uc11c\ubc84 \ube44\ubc00\ubc88\ud638\ub294 {} \uc785\ub2c8\ub2e4.",
    "Korean colon": "\ube44\ubc00\ubc88\ud638: {}",
}


def sentence(pattern):
    def make(m):
        text = pattern
        while "{o}" in text:
            text = text.replace("{o}", m.opaque(), 1)
        while "{}" in text:
            text = text.replace("{}", m.human_plain(), 1)
        return text + "\n"
    return make


for name, pattern in SENTENCES.items():
    add(name, sentence(pattern))
