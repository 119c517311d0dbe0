"""What the tools of clouds, clusters and secret stores print."""
import base64
import json
from .registry import kinds

add = kinds("cloud tools")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def boxed(head, rows):
    """A table with drawn lines, as doppler prints it."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    line = lambda l, m, r: l + m.join("─" * (w + 2) for w in widths) + r
    cells = lambda row: "│ " + " │ ".join(c.ljust(w) for c, w in zip(row, widths)) + " │"
    return "\n".join([line("┌", "┬", "┐"), cells(head), line("├", "┼", "┤"), *map(cells, rows), line("└", "┴", "┘")]) + "\n"


def k8s_env(m):
    return (f"    spec:\n      containers:\n      - name: api\n        image: corp/api:1.8.2\n        env:\n        - name: LOG_LEVEL\n"
            f"          value: info\n        - name: DB_PASSWORD\n          value: {m.human()}\n        ports:\n        - containerPort: 8080\n")


def k8s_secret(m):
    value = m.password()
    m.secrets[-1] = b64(value)
    return (f"apiVersion: v1\ndata:\n  password: {m.secrets[-1]}\nkind: Secret\nmetadata:\n  creationTimestamp: \"{m.time()}\"\n"
            f"  name: db\n  namespace: shop\n  resourceVersion: \"{m.number(10000, 999999)}\"\ntype: Opaque\n")


def docker_inspect(m):
    return ('[\n    {\n        "Id": "' + m.sha() + '",\n        "Config": {\n            "Hostname": "' + m.sha(12) + '",\n            "Env": [\n'
            f'                "POSTGRES_USER={m.user()}",\n                "POSTGRES_PASSWORD={m.password()}",\n'
            '                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"\n            ],\n            "Image": "postgres:16"\n        }\n    }\n]\n')


def service_account(m):
    return ('{\n  "type": "service_account",\n  "project_id": "shop-prod",\n  "private_key_id": "' + m.sha(40) + '",\n'
            f'  "client_email": "ci@shop-prod.iam.gserviceaccount.com",\n  "client_secret": "GOCSPX-{m.secret(m.chars("abcdefghijkmnpqrstuvwxyzABCDEF0123456789-_", 28))}"\n}}\n')


add("kubectl env", k8s_env)
add("kubectl get secret -o yaml", k8s_secret)
add("stringData", lambda m: f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: smtp\nstringData:\n  username: {m.user()}\n  password: {m.password()}\n")
add("kubectl describe pod", lambda m: f"    Environment:\n      DB_HOST:      {m.host()}\n      DB_PASSWORD:  {m.password()}\n      REDIS_TOKEN:  {m.opaque()}\n    Mounts:\n      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-x7k2p (ro)\n")
add("kubectl custom-columns", lambda m: f"NAME      NAMESPACE   PASSWORD\ndb        shop        {b64_secret(m)}\ncache     shop        {b64_secret(m)}\n")
add("kubectl exec env", lambda m: f"$ kubectl exec api-7c9d -- env\nPATH=/usr/local/bin:/usr/bin\nHOSTNAME=api-7c9d\nJWT_SECRET={m.opaque()}\nKUBERNETES_PORT=tcp://10.0.0.1:443\n")
add("docker inspect", docker_inspect)
add("docker compose config", lambda m: f"services:\n  db:\n    environment:\n      MYSQL_DATABASE: shop\n      MYSQL_ROOT_PASSWORD: {m.password()}\n    image: mysql:8\n")
add("docker config.json", lambda m: '{\n\t"auths": {\n\t\t"registry.corp.example": {\n\t\t\t"auth": "' + m.secret(b64(f"ci:{m.chars('abcdefghjkmnpqrstuvwxyz23456789', 20)}")) + '"\n\t\t}\n\t}\n}\n')
add("terraform output -json", lambda m: json.dumps({"db_host": {"sensitive": False, "type": "string", "value": m.host()}, "db_password": {"sensitive": True, "type": "string", "value": m.symbols()}}, indent=2) + "\n")
add("terraform output", lambda m: f'bucket = "corp-shop-assets"\ndb_password = "{m.symbols()}"\nregion = "eu-west-1"\n')
add("terraform show", lambda m: f'# aws_db_instance.main:\nresource "aws_db_instance" "main" {{\n    engine               = "postgres"\n    password             = "{m.symbols()}"\n    username             = "{m.user()}"\n}}\n')
add("terraform plan change", lambda m: f'  ~ resource "aws_db_instance" "main" {{\n      ~ password = "{m.symbols()}" -> "{m.symbols()}"\n        # (48 unchanged attributes hidden)\n    }}\n')
add("pulumi stack output", lambda m: f"Current stack outputs (2):\n    OUTPUT          VALUE\n    dbPassword      {m.random_password()}\n    endpoint        https://{m.host()}.corp.example\n")
add("aws configure export", lambda m: f"export AWS_ACCESS_KEY_ID={m.aws_id()}\nexport AWS_SECRET_ACCESS_KEY={m.aws_secret()}\nexport AWS_SESSION_TOKEN={m.aws_session()}\n")
add("aws create-access-key", lambda m: json.dumps({"AccessKey": {"UserName": m.user(), "AccessKeyId": m.aws_id(), "Status": "Active", "SecretAccessKey": m.aws_secret(), "CreateDate": m.time()}}, indent=4) + "\n")
add("aws sts", lambda m: json.dumps({"Credentials": {"AccessKeyId": "ASIA" + m.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "SecretAccessKey": m.aws_secret(), "SessionToken": m.aws_session(), "Expiration": m.time()}}, indent=4) + "\n")
add("aws secretsmanager", lambda m: json.dumps({"ARN": "arn:aws:secretsmanager:eu-west-1:123412341234:secret:prod/db-a1B2c3", "Name": "prod/db", "SecretString": json.dumps({"username": m.user(), "password": m.symbols()})}, indent=4) + "\n")
add("aws ssm", lambda m: json.dumps({"Parameters": [{"Name": "/shop/prod/DB_PASSWORD", "Type": "SecureString", "Value": m.symbols(), "Version": 3}]}, indent=4) + "\n")
add("aws console key csv", lambda m: f"Access key ID,Secret access key\n{m.aws_id()},{m.aws_secret()}\n")
add("aws console user csv", lambda m: f"User name,Password,Console sign-in URL\n{m.user()},{m.symbols()},https://123412341234.signin.aws.amazon.com/console\n")
add("ecs task definition", lambda m: json.dumps({"containerDefinitions": [{"name": "api", "environment": [{"name": "PORT", "value": "8080"}, {"name": "DB_PASSWORD", "value": m.human()}]}]}, indent=2) + "\n")
add("gcloud access token", lambda m: f"$ gcloud auth print-access-token\n{m.google_access()}\n")
add("gcloud client secret", service_account)
add("az keyvault", lambda m: json.dumps({"attributes": {"created": m.time(), "enabled": True}, "contentType": None, "id": "https://corp-kv.vault.azure.net/secrets/db-password/" + m.sha(32), "name": "db-password", "tags": {}, "value": m.symbols()}, indent=2) + "\n")
add("az appsettings", lambda m: json.dumps([{"name": "WEBSITE_NODE_DEFAULT_VERSION", "slotSetting": False, "value": "~20"}, {"name": "SMTP_PASSWORD", "slotSetting": False, "value": m.password()}], indent=2) + "\n")
add("az appsettings value first", lambda m: json.dumps([{"value": m.password(), "slotSetting": True, "name": "DB_PASSWORD"}], indent=2) + "\n")
add("az storage keys", lambda m: json.dumps([{"creationTime": m.time(), "keyName": "key1", "permissions": "FULL", "value": m.azure_storage()}, {"creationTime": m.time(), "keyName": "key2", "permissions": "FULL", "value": m.azure_storage()}], indent=2) + "\n")
add("az cognitive keys", lambda m: json.dumps({"key1": m.hex(32), "key2": m.hex(32)}, indent=2) + "\n")
add("az ad sp", lambda m: json.dumps({"appId": m.plain_uuid(), "displayName": "shop-ci", "password": m.entra(), "tenant": m.plain_uuid()}, indent=2) + "\n")
add("az acr credential", lambda m: json.dumps({"passwords": [{"name": "password", "value": m.alnum(32)}, {"name": "password2", "value": m.alnum(32)}], "username": "corpacr"}, indent=2) + "\n")
add("vault kv get", lambda m: f"====== Data ======\nKey         Value\n---         -----\npassword    {m.password()}\nusername    {m.user()}\n")
add("vault kv get -format=json", lambda m: json.dumps({"request_id": m.plain_uuid(), "data": {"data": {"password": m.password(), "username": m.user()}, "metadata": {"version": 2}}}, indent=2) + "\n")
add("vault token create", lambda m: f"Key                  Value\n---                  -----\ntoken                {m.vault_token()}\ntoken_accessor       {m.chars('abcdefghijkmnpqrstuvwxyz0123456789', 24)}\ntoken_duration       768h\n")
add("vault init", lambda m: f"Unseal Key 1: {m.base64(33)}\nUnseal Key 2: {m.base64(33)}\n\nInitial Root Token: {m.secret('hvs.' + m.chars('abcdefghijkmnpqrstuvwxyzABCDEF0123456789', 24))}\n")
add("doppler secrets", lambda m: boxed(["NAME", "VALUE"], [["DB_HOST", m.host()], ["DB_PASSWORD", m.password()], ["SESSION_SECRET", m.opaque()]]))
add("doppler json", lambda m: json.dumps({"DB_PASSWORD": {"computed": m.symbols(), "note": ""}, "PORT": {"computed": "8080", "note": ""}}, indent=2) + "\n")
add("1Password item", lambda m: f"ID:          {m.chars('abcdefghijklmnopqrstuvwxyz234567', 26)}\nTitle:       Reporting DB\nVault:       Ops\nFields:\n  username:    {m.user()}\n  password:    {m.symbols()}\n")
add("1Password json", lambda m: json.dumps({"title": "Mail", "fields": [{"id": "username", "type": "STRING", "purpose": "USERNAME", "label": "username", "value": m.user()}, {"id": "password", "type": "CONCEALED", "purpose": "PASSWORD", "label": "password", "value": m.symbols(), "reference": "op://Ops/Mail/password"}]}, indent=2) + "\n")
add("bitwarden json", lambda m: json.dumps({"object": "item", "name": "Grafana", "login": {"username": m.user(), "password": m.symbols(), "totp": None}}, indent=2) + "\n")
add("pass show", lambda m: f"$ pass show prod/mysql\n{m.symbols()}\nuser: {m.user()}\nurl: https://db.corp.example\n")
add("heroku config", lambda m: f"=== shop-prod Config Vars\nDATABASE_URL:   postgres://{m.user()}:{m.hex(64)}@ec2-3-4-5-6.compute-1.amazonaws.com:5432/d4k2\nSECRET_KEY_BASE: {m.hex(64)}\n")
add("heroku key", lambda m: f"$ heroku auth:token\nHEROKU_API_KEY={m.uuid()}\n")
add("cf env", lambda m: json.dumps({"VCAP_SERVICES": {"p-mysql": [{"credentials": {"hostname": m.ip(), "username": m.user(), "password": m.random_password(), "port": 3306}}]}}, indent=1) + "\n")
add("helm get values", lambda m: f"USER-SUPPLIED VALUES:\nauth:\n  existingSecret: \"\"\n  rootPassword: {m.password()}\nreplicas: 2\n")
add("argocd admin", lambda m: f"$ argocd admin initial-password -n argocd\n{m.random_password(16)}\n\n This password must be only used for first time login.\n")
add("kubeadm join", lambda m: f"kubeadm join 10.0.0.4:6443 --token {m.secret(m.chars('abcdefghijkmnpqrstuvwxyz0123456789', 6) + '.' + m.chars('abcdefghijkmnpqrstuvwxyz0123456789', 16))} \\\n\t--discovery-token-ca-cert-hash sha256:{m.sha()}\n")
add("k3s token", lambda m: f"# cat /var/lib/rancher/k3s/server/node-token\n{m.secret('K10' + m.chars('0123456789abcdef', 64) + '::server:' + m.chars('0123456789abcdef', 32))}\n")
add("swarm join", lambda m: f"    docker swarm join --token {m.secret('SWMTKN-1-' + m.chars('abcdefghijkmnpqrstuvwxyz0123456789', 50) + '-' + m.chars('abcdefghijkmnpqrstuvwxyz0123456789', 25))} 10.0.0.9:2377\n")
add("consul acl", lambda m: f"AccessorID:       {m.plain_uuid()}\nSecretID:         {m.uuid()}\nDescription:      Bootstrap Token (Global Management)\n")
add("netsh wlan", lambda m: f"Security settings\n-----------------\n    Authentication         : WPA2-Personal\n    Cipher                 : CCMP\n    Security key           : Present\n    Key Content            : {m.human()}\n")


def b64_secret(m):
    return m.secret(b64(m.chars("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNP23456789!%", 15)))
