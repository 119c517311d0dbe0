"""Configurations of network devices, tunnels and wireless networks."""
from .registry import kinds

add = kinds("devices")


def type7(m, plain=None):
    """Cisco's reversible type 7 writing of a password."""
    key = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"
    plain = plain or m.chars("abcdefghjkmnpqrstuvwxyz23456789", 10)
    seed = m.number(0, 15)
    return m.secret(f"{seed:02}" + "".join(f"{ord(c) ^ ord(key[(seed + i) % len(key)]):02X}" for i, c in enumerate(plain)))


def type8(m):
    alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return m.secret(f"$8${m.chars(alphabet, 14)}${m.chars(alphabet, 43)}")


def type9(m):
    alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return m.secret(f"$9${m.chars(alphabet, 14)}${m.chars(alphabet, 43)}")


def md5crypt(m):
    alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return m.secret(f"$1${m.chars(alphabet[12:], 4)}${m.chars(alphabet, 22)}")


def juniper9(m):
    return m.secret("$9$" + m.chars("QzF3n6/9CAtpu0OB1IREhcSyrleKvMW8LXx7N-dVbwsY2g4oaJZGUDjiHkq.mPf5T", 24))


add("Cisco enable secret 5", lambda m: f"service password-encryption\n!\nhostname core-sw1\n!\nenable secret 5 {md5crypt(m)}\n")
add("Cisco enable secret 9", lambda m: f"hostname core-sw1\nenable secret 9 {type9(m)}\nno aaa new-model\n")
add("Cisco enable password", lambda m: f"hostname edge-7\nenable password {m.human()}\n")
add("Cisco username 0", lambda m: f"username {m.user()} privilege 15 password 0 {m.human()}\nusername {m.user()} privilege 15 secret 8 {type8(m)}\n")
add("Cisco username 7", lambda m: f"username {m.user()} password 7 {type7(m)}\n")
add("Cisco line vty", lambda m: f"line vty 0 4\n password {m.human()}\n login\n transport input ssh\n")
add("Cisco line vty 7", lambda m: f"line con 0\n password 7 {type7(m)}\n login local\n")
add("Cisco tacacs", lambda m: f"tacacs-server host {m.ip()}\ntacacs-server key {m.human()}\n")
add("Cisco radius 7", lambda m: f"radius server ISE\n address ipv4 {m.ip()} auth-port 1812 acct-port 1813\n key 7 {type7(m)}\n")
add("Cisco radius host", lambda m: f"radius-server host {m.ip()} key {m.human()}\n")
add("Cisco isakmp", lambda m: f"crypto isakmp policy 10\n authentication pre-share\ncrypto isakmp key {m.human()} address {m.ip()}\n")
add("Cisco bgp neighbor", lambda m: f"router bgp 65010\n neighbor {m.ip()} remote-as 65020\n neighbor {m.ip()} password {m.human()}\n")
add("Cisco ospf", lambda m: f"interface Vlan10\n ip ospf message-digest-key 1 md5 {m.human()}\n")
add("Cisco snmp community", lambda m: f"snmp-server community {m.human()} RO 10\nsnmp-server location HQ\n")
add("Cisco snmp user", lambda m: f"snmp-server user {m.user()} OPS v3 auth sha {m.human()} priv aes 128 {m.human()}\n")
add("Cisco ASA tunnel", lambda m: f"tunnel-group {m.ip()} ipsec-attributes\n ikev1 pre-shared-key {m.human()}\n")
add("Cisco ppp chap", lambda m: f"interface Dialer1\n ppp chap hostname {m.user()}\n ppp chap password 0 {m.human()}\n")
add("Cisco wpa-psk", lambda m: f"dot11 ssid Corp\n   authentication key-management wpa version 2\n   wpa-psk ascii 0 {m.human()}\n")
add("Juniper set", lambda m: f"set system root-authentication encrypted-password \"{md5crypt(m)}\"\nset system radius-server {m.ip()} secret \"{juniper9(m)}\"\n")
add("Juniper braces", lambda m: f"security {{\n    ike {{\n        policy ike-pol {{\n            pre-shared-key ascii-text \"{juniper9(m)}\"; ## SECRET-DATA\n        }}\n    }}\n}}\n")
add("Juniper snmp", lambda m: f"snmp {{\n    community {m.human()} {{\n        authorization read-only;\n    }}\n}}\n")
add("MikroTik user", lambda m: f"/user add name={m.user()} group=full password={m.human()}\n")
add("MikroTik ppp", lambda m: f"/ppp secret\nadd name={m.user()} password={m.human()} profile=vpn service=l2tp\n")
add("MikroTik wifi", lambda m: f'/interface wireless security-profiles\nset [ find default=yes ] authentication-types=wpa2-psk mode=dynamic-keys supplicant-identity=MikroTik wpa2-pre-shared-key="{m.human()}"\n')
add("Fortinet admin", lambda m: f'config system admin\n    edit "{m.user()}"\n        set accprofile "super_admin"\n        set password ENC {m.secret("SH2" + m.chars("ABCDEFGHabcdefgh0123456789+/", 40) + "=")}\n    next\nend\n')
add("Fortinet psk", lambda m: f'config vpn ipsec phase1-interface\n    edit "hq"\n        set remote-gw {m.ip()}\n        set psksecret {m.human()}\n    next\nend\n')
add("Palo Alto phash", lambda m: f"set mgt-config users {m.user()} phash {md5crypt(m)}\n")
add("Palo Alto psk", lambda m: f"set network ike gateway hq authentication pre-shared-key key {m.secret('-AQ==' + m.chars('ABCDEFGHabcdefgh0123456789+/', 27) + '=' + m.chars('ABCDEFGHabcdefgh0123456789+/', 22) + '==')}\n")
add("Arista", lambda m: f"username {m.user()} privilege 15 role network-admin secret sha512 {m.secret('$6$' + m.chars('abcdefABCDEF0123456789./', 16) + '$' + m.chars('abcdefABCDEF0123456789./', 86))}\n")
add("Huawei", lambda m: f"local-user {m.user()} password cipher {m.secret('%^%#' + m.chars('abcdefABCDEF0123456789+-', 26) + '%^%#')}\n")
add("VyOS", lambda m: f"set vpn ipsec authentication psk hq secret '{m.human()}'\nset service snmp community {m.human()} authorization ro\n")
add("Ubiquiti", lambda m: f"wireless.1.ssid=Corp\naaa.1.wpa.psk={m.human()}\nusers.1.password={md5crypt(m)}\n")
add("snmpd.conf", lambda m: f"rocommunity {m.human()} 10.0.0.0/8\ncreateUser {m.user()} SHA \"{m.human()}\" AES \"{m.human()}\"\n")
add("snmpwalk -c", lambda m: f"snmpwalk -v2c -c {m.human()} {m.ip()} 1.3.6.1.2.1.1\n")
add("snmpwalk v3", lambda m: f"snmpget -v3 -l authPriv -u {m.user()} -a SHA -A {m.human()} -x AES -X {m.human()} {m.ip()} sysUpTime.0\n")
add("ipsec.secrets PSK", lambda m: f'# ipsec.secrets\n{m.ip()} {m.ip()} : PSK "{m.human()}"\n')
add("ipsec.secrets EAP", lambda m: f'{m.user()} : EAP "{m.human()}"\n{m.user()} : XAUTH "{m.human()}"\n')
add("swanctl", lambda m: f"secrets {{\n    ike-hq {{\n        id = hq.corp.example\n        secret = {m.human()}\n    }}\n}}\n")
add("racoon psk", lambda m: f"# IPv4 address  key\n{m.ip()}\t{m.random_password()}\n")
add("wpa_supplicant", lambda m: f'network={{\n\tssid="Corp"\n\tpsk="{m.human()}"\n\tkey_mgmt=WPA-PSK\n}}\n')
add("wpa_supplicant EAP", lambda m: f'network={{\n\tssid="eduroam"\n\tidentity="{m.user()}@corp.example"\n\tpassword="{m.human()}"\n}}\n')
add("hostapd", lambda m: f"interface=wlan0\nssid=Corp\nwpa=2\nwpa_passphrase={m.human()}\nauth_server_shared_secret={m.human()}\n")
add("nmcli", lambda m: f'nmcli dev wifi connect Corp password "{m.human()}"\n')
add("NetworkManager file", lambda m: f"[wifi-security]\nkey-mgmt=wpa-psk\npsk={m.human()}\n")
add("netplan", lambda m: f'  wifis:\n    wlan0:\n      access-points:\n        "Corp":\n          password: "{m.human()}"\n')
add("OpenWrt uci", lambda m: f"wireless.default_radio0.ssid='Corp'\nwireless.default_radio0.encryption='psk2'\nwireless.default_radio0.key='{m.human()}'\n")
add("freeradius client", lambda m: f"client switch1 {{\n\tipaddr = {m.ip()}\n\tsecret = {m.human()}\n}}\n")
add("freeradius users", lambda m: f'{m.user()} Cleartext-Password := "{m.human()}"\n\tReply-Message := "Hello"\n')
