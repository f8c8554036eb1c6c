//! Secrets leave a text, and all else stays.

mod corpus;
mod met;
mod ordinary;
mod piped;
mod placed;

use std::borrow::Cow;

use std::sync::Arc;

use runtime_events::{AgentEvent, Data, Labels, without_secrets};
use serde_json::{Value, json};

use self::met::{MET, MET_ORDINARY};
use self::ordinary::ORDINARY;
use self::piped::{PIPED, PIPED_ORDINARY};
use self::placed::{PLACED, PLACED_ORDINARY};

/// Texts with secrets, which stand between `⟨` and `⟩`: these, and nothing else, go.
const SECRETS: &[&str] = &[
    // Parameters and variables, in any case and spelling.
    "api_key=⟨9f8e7d6c⟩",
    "apikey=⟨hunter2⟩",
    "apiKey=⟨hunter2⟩&page=2",
    "API-KEY: ⟨9f8e7d6c⟩",
    "Api Key: ⟨9f8e7d6c⟩",
    "api.key = ⟨9f8e7d6c⟩",
    "export OPENAI_API_KEY=⟨abc⟩ && run",
    "OPENAI_API_KEY_2='⟨abc def⟩'",
    "password=⟨hunter2⟩; user=bob",
    "password: ⟨hunter2⟩",
    "the password is ⟨hunter2⟩ now",
    "PGPASSWORD=⟨correct-horse⟩ psql",
    "DB_PASS=⟨horse⟩ ./run",
    "mysql_pwd = \"⟨a \\\"quoted\\\" horse⟩\"",
    "client_secret=⟨hunter2⟩",
    "clientSecret: '⟨hunter2⟩'",
    "aws_secret_access_key = ⟨wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY⟩",
    "access_token=⟨abcdef⟩, expires_in=3600",
    "refreshToken: ⟨1//0gabc⟩",
    "--api-key ⟨abcdef12⟩ --model gpt-5",
    "--password=⟨hunter2⟩",
    "curl -u bob:⟨hunter2⟩ https://example.com",
    "Config { api_key: Some(\"⟨abc⟩\"), retries: 3 }",
    "Client(api_key='⟨abc⟩', timeout=5)",
    "AccountName=a;AccountKey=⟨Zm9vYmFyYmF6cXV4⟩;EndpointSuffix=core.windows.net",
    "Server=db;User Id=sa;Password=⟨p@ss!⟩;Encrypt=true",
    "<password>⟨hunter2 and more⟩</password>",
    "<add key=\"ApiKey\" value=\"⟨hunter2⟩\" />",
    "//registry.npmjs.org/:_authToken=⟨abcdef⟩",
    "ssh passphrase: ⟨4f6e-22aa⟩, ok",
    "ApiKey(\"⟨hunter2⟩\")",
    "password=⟨a⟩&b=c",
    "--token a[⟨sk-*********K⟩(",
    "password=no[⟨sk-*********K⟩",
    // Commands and files that do not name them.
    "mysql -u root -p⟨hunter2⟩ shop",
    "mysqldump --user=app -p⟨S3cr3t!⟩ db > dump.sql",
    "/usr/bin/mariadb-dump -uroot -p'⟨hunter 2⟩' db",
    "sshpass -p ⟨hunter2⟩ ssh root@10.0.0.5; sshpass -p\"⟨hunter 2⟩\" scp a b:",
    "docker login -u bob -p ⟨hunter2⟩ registry.example.com",
    "redis-cli -h cache -a ⟨hunter⟩ ping",
    "mongosh --host db -u root -p ⟨example⟩ --authenticationDatabase admin",
    "curl -ubob:⟨hunter2⟩ https://example.com",
    "machine api.example.com login bob password ⟨hunter⟩\nmachine localhost password ⟨hunter⟩",
    "machine github.com\n  login octocat\n  password ⟨pass-word⟩\ndefault login anonymous password ⟨guest⟩",
    "set -gx DB_PASSWORD ⟨hunter⟩; setx API_KEY ⟨abcd⟩",
    "ENV NPM_TOKEN ⟨abcd⟩\nRUN npm ci",
    "requests.get(url, auth=(\"bob\", \"⟨hunter⟩\"))",
    "smtp.login('bob@example.com', '⟨hunter⟩')",
    "HTTPBasicAuth(\"bob\", \"⟨hunter⟩\")",
    "DB_PASSWORD=\"⟨first line\nsecond line⟩\"\nNEXT=1",
    "export API_TOKEN='⟨abc\ndef⟩'\r\nPORT=80",
    "CREATE USER 'app'@'%' IDENTIFIED BY '⟨hunter⟩'; ALTER ROLE app WITH PASSWORD '⟨hunter⟩';",
    "aws configure set aws_secret_access_key ⟨hunter⟩ && git config --global user.password \"⟨hunter⟩\"",
    "unzip -P ⟨hunter⟩ x.zip; ldapsearch -x -D cn=admin -w ⟨hunter⟩ -b dc=x",
    "SECRET_KEY_BASE=⟨abcdef0123456789abcdef0123456789⟩ headers: [[\"x-api-key\", \"⟨abcd⟩\"]]",
    "Password for bob: ⟨hunter2⟩, curl -b \"⟨session=abc123; csrf=def⟩\" https://example.com",
    "token for ⟨sk-abc123def⟩: expired; login(\"⟨sk-abc123def⟩\", \"x\")",
    "your verification code: ⟨123456⟩, {\"otp_code\":\"⟨123456⟩\"}",
    "db_pw=⟨hunter⟩ pw: ⟨hunter⟩",
    "password=⟨my-secret-token⟩ run",
    // Addresses.
    "https://example.com/v1?key=⟨abc123⟩",
    "https://example.com/v1?a=1&access_token=⟨abc⟩&b=2",
    "https://x.blob.core.windows.net/c?sv=2022&sig=⟨a1B2c3D4e5F6g7H8i9J0k1L2%3D⟩&se=1",
    "redirect?next=https%3A%2F%2Fa.b%2F%3Fapi_key%3D⟨abc123⟩%26page%3D2",
    "postgres://app:⟨hunter2⟩@db.example.com:5432/app",
    "redis://:⟨p@ss⟩@cache:6379/0",
    "redis://app:⟨pa/ss?w#d⟩@cache:6379/0",
    "https://⟨0123456789abcdef0123456789abcdef⟩@o1.ingest.example.com/5",
    "mongodb+srv://u:⟨p%40ss⟩@c.example.net/?retryWrites=true",
    "postgres://host?password=⟨hunter2⟩, try again",
    // JSON, plain and nested, and its relatives.
    "{\"api_key\":\"⟨sk⟩\",\"model\":\"gpt-5\"}",
    "{ \"Api-Key\" : \"⟨a\\\"b⟩\" }",
    "{\"passWord\":\"⟨a b c⟩\"}",
    "{\"user\":{\"password\":⟨12345⟩,\"name\":\"bob\"}}",
    "{\"body\":\"{\\\"apiKey\\\":\\\"⟨abc⟩\\\",\\\"n\\\":1}\"}",
    "{\\\\\\\"token\\\\\\\":\\\\\\\"⟨abc⟩\\\\\\\"}",
    "{'api_key': '⟨abc⟩', 'n': 1}",
    "{\"secrets\":[\"⟨one⟩\", \"⟨two⟩\"],\"n\":1}",
    "{\"name\":\"X-Api-Key\",\"value\":\"⟨abc⟩\"}",
    "{\\u0022password\\u0022:\\u0022⟨hunter⟩\\u0022,\\u0022n\\u0022:1}",
    "body=%7B%22password%22%3A%22⟨hunter⟩%22%2C%22api_key%22:%22⟨abc⟩%22%7D",
    "[(\"authorization\", \"Bearer ⟨abc⟩\"), (\"accept\", \"*/*\")]",
    // YAML: blocks, and a kubeconfig.
    "user:\n  - password: ⟨|-\n      hunter2\n\n      and more⟩\n    name: bob",
    "\"client_secret\": ⟨>\r\n  one\r\n  two⟩\r\nnext: 1",
    "user:\n  client-key-data: ⟨LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVB⟩\n",
    "key ⟨LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2UUlCQURBTkJna3Foa2lHOXcw⟩, refused",
    "env:\n  - name: DB_PASSWORD\n    value: ⟨hunter2⟩\n  - name: PORT\n    value: 1",
    "- name: \"API_KEY\"\r\n  value: \"⟨abc⟩\"\r\n- name: MODEL\r\n  value: gpt-5",
    // Headers.
    "map[Accept:[a] Authorization:[Bearer ⟨abc⟩] X-Api-Key:[⟨abc⟩] Cookie:[⟨sid=1; b=2⟩]]",
    "Authorization: Bearer ⟨abc.def-ghi⟩\r\nHost: example.com",
    "authorization: bearer ⟨abc⟩",
    "Authorization: Basic ⟨dXNlcjpwYXNz⟩",
    "Authorization: Digest ⟨username=\"Mufasa\", realm=\"r\", response=\"6629fae4\"⟩",
    "Authorization: AWS4-HMAC-SHA256 ⟨Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=5d672d79⟩",
    "Authorization: ⟨Custom 1a2b3c4d⟩",
    "Authorization: ⟨1a2b3c4d⟩",
    "Authorization: ⟨SSWS abc⟩",
    "X-Amz-Signature=⟨5d672d79c15b13162d9279b0855cfba6⟩&X-Amz-Expires=60",
    "Proxy-Authorization: Negotiate ⟨YIIJvwYGKwYBBQUCoIIJszCCCa+g⟩",
    "{\"Authorization\":\"Token ⟨abc⟩\"}",
    "{\"headers\":{\"authorization\":[\"Bearer ⟨abc⟩\"]}}",
    "-H 'Authorization: Bearer ⟨abc⟩' -d '{}'",
    "not accepted: Bearer ⟨abc123⟩ by us",
    "Basic ⟨dXNlcjpwYXNzd29yZA==⟩ was refused",
    "x-api-key: ⟨abc⟩",
    "x-goog-api-key: ⟨abc⟩",
    "Ocp-Apim-Subscription-Key: ⟨abc⟩",
    "X-Amz-Security-Token=⟨FQoGZXIvYXdzEBYa⟩",
    "Cookie: ⟨sid=31d4d96e407aad42; theme=dark⟩",
    "Set-Cookie: ⟨id=a3fWa; Max-Age=2592000; Path=/⟩\nServer: x",
    "{\"cookie\":\"⟨sid=1; b=2⟩\"}",
    // Issuers and shapes, wherever they stand.
    "reset by ⟨sk-abc123⟩.",
    "Incorrect API key provided: ⟨sk-proj-********************abcd⟩.",
    "(⟨sk-ant-api03-abcDEF123-_xyz⟩)",
    "keys:⟨ghp_16C7e42F292c6912E7710c838347Ae178B4a⟩,next",
    "my_⟨glpat-ABCDEFGHIJ0123456789⟩",
    "line one\\n⟨xoxb-123456789012-123456789012-abcdefABCDEF⟩",
    "%22⟨AIzaSyA-1234567890abcdefghijklmnopqrstu⟩%22",
    "⟨AKIAIOSFODNN7EXAMPLE⟩/20150830",
    "https://⟨hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX⟩",
    "got ⟨eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N⟩.",
    "⟨eyJhbGciOiJIUzI1NiJ9.e30.abc⟩",
    "⟨-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----⟩\nend",
    "{\"pem\":\"⟨-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg\\n-----END PRIVATE KEY-----⟩\\n\"}",
    "{\"pem\":\"⟨-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjE⟩\\n\"}",
    "{\"key\":\"⟨-----BEGIN RSA PRIVATE KEY-----eyJhbGciOiJIUzI1NiJ9.e30.abc4bf92f3577b34da6a3ce929d0e0e4736⟩\"}",
    "bot110201543:⟨AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0⟩/getMe",
    // Marks inside of a key.
    "login as app with ⟨QL08Q~1qtc4xatws8phP9nhFyJfm5di4PzJ59FHz⟩, refused",
    "(⟨qOSg5ApYzTTOkq.atlasv1.296c0xPbX_neGBuzSm6A8cVR06AxYpThGJWZhbj11THnCMZCY7Bvqiy8CsT07Lq8TDI⟩)",
    "trying ⟨OV4qBkdfQ1y3GQsMpSscDlkrCaqx9vJupc94tnwlavyfErGPmpGXJQQJ99BCafq0fjzLXJ3w3AAABACOGczbt⟩ at eastus",
    "voyage ⟨pa-Ydua_5ZMs1SWOpQaPRYpzbLGViYXjU2JgJngKtFI3Oy⟩.",
    "Bearer ⟨AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0%2BuSeid%2BULvsea4JtiGRiSDSJSI%3DEUifiRBkKG5E2XzMDjRfl76ZC9Ub0wnz4XsNiRVBChTYbJcE3F⟩",
    "slack ⟨xoxe-1-My0xLTQ5+ZRwh1flQ/ZG7bdOOh1Q⟩",
    "launchdarkly init ⟨sdk-2eaa7f3b-4a71-5e4e-48dd-74089a58f3ae⟩",
    "refused bce-v3: ⟨bce-v3/ALTAK-wrkcrOg258LewmCNybdo4/c1e1777155a0e9d8f27c7d9cf07255bc509cb3ac⟩",
    // Two parts of known lengths behind a prefix that ordinary names have, too.
    "clickup ⟨pk_5113700_VYFJWEJJZS2QAEF5YUPSOPMWVFIUEJ9H⟩, refused",
    "(⟨re_8tKb3cQz_Lq7Vd2RfXw9NmYp4Hs6TjGkA⟩)",
    "arize ⟨ak-1f0e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-Zx9cVb8nMq7wEr6tYu5iOp4aSd3fGh2j⟩.",
    "tried ⟨access_token$production$abcdefgh12345678$0123456789abcdef0123456789abcdef⟩",
    // What looks random after a word that says so.
    "Wrong key ⟨0123456789abcdef0123456789abcdef0123456789abcdef⟩, try again",
    "Invalid API key ⟨4bf92f3577b34da6a3ce929d0e0e4736⟩",
    "the API key \"⟨3f9a8b7c⟩\" is not valid",
    "secret access key ⟨wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE9EY⟩ leaked",
    "API key provided: ⟨3f9a8b7c⟩.",
    "invalid x-api-key ⟨abc123def456⟩",
];

/// The text of a row, what it is without its secrets, and the secrets.
fn row(row: &str) -> (String, String, Vec<&str>) {
    let (mut clean, mut secrets) = (String::new(), Vec::new());
    let mut rest = row;
    while let Some((before, after)) = rest.split_once('⟨') {
        let (secret, after) = after.split_once('⟩').expect("a secret ends");
        clean = clean + before + "[redacted]";
        secrets.push(secret);
        rest = after;
    }
    (row.replace(['⟨', '⟩'], ""), clean + rest, secrets)
}

#[test]
fn secrets_go_and_the_text_around_them_stays() {
    let mut wrong = Vec::new();
    for (text, clean, _) in
        SECRETS.iter().chain(MET).chain(PIPED).chain(PLACED).map(|text| row(text))
    {
        // A number in JSON gets marks.
        let clean = clean.replace(":[redacted],\"name\"", ":\"[redacted]\",\"name\"");
        let found = without_secrets(&text);
        if found != clean {
            wrong.push(format!("{text}\n  is   {found}\n  not  {clean}"));
        }
        assert_eq!(without_secrets(&found), found, "cleaned twice");
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), SECRETS.len(), wrong.join("\n"));
    assert!(SECRETS.len() >= 63);
}

#[test]
fn ordinary_texts_stay_whole() {
    let mut wrong = Vec::new();
    for text in ORDINARY.iter().chain(MET_ORDINARY).chain(PIPED_ORDINARY).chain(PLACED_ORDINARY) {
        match without_secrets(text) {
            Cow::Borrowed(same) => assert_eq!(same, *text),
            Cow::Owned(changed) => wrong.push(format!("{text}\n  is   {changed}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ORDINARY.len(), wrong.join("\n"));
    assert!(ORDINARY.len() >= 27);
}

/// Each of these took time by the square of its length: of so long a text, minutes to hours.
#[test]
fn long_text_of_many_names_is_read_once() {
    let ends_without_a_key = [
        "key=",
        "auth:",
        "X-Key:[",
        "key=\\",
        "password=your_",
        "password=${",
        "-----BEGIN PRIVATE KEY-----\n",
        "ak-123e4567-e89b-12d3-a456-426614174000-",
        "mysql -p ",
        "A_KEY=\"a\n",
        "login(\"a\", ",
        "sqlplus a=",
        "%22password%22",
        "a:",
        "a:b:c ",
        "$1$",
        "' | ",
        "password 7 ",
        "password \"",
        "sudo -S <<<",
        "chpasswd <<EOF\n",
        "radtest a ",
        "psexec.py a:b",
    ];
    for part in ends_without_a_key {
        let text = part.repeat(200_000 / part.len());
        let clean = without_secrets(&text);
        assert!(clean.starts_with(part), "{part}");
    }
}

#[test]
fn credentials_that_were_removed_are_credentials_still() {
    let text = r#"{"apiKey{":"sk-aN0t-aAuthorization: Bearer abc.defQ-ghi_246zation: pi0 and more"#;
    let clean = without_secrets(text);
    assert_eq!(clean, r#"{"apiKey{":"sk-aN0t-aAuthorization: Bearer [redacted]: pi0 and more"#);
    assert_eq!(without_secrets(&clean), clean, "found by the fuzzer");
}

/// What an event has as data after its secrets are removed.
fn cleaned(data: Value) -> Value {
    let data = Data::try_from(data).expect("an object");
    let mut event = AgentEvent::started("writer", "draft").with_data(data);
    event.remove_secrets();
    let once = event.clone();
    event.remove_secrets();
    assert_eq!(event, once);
    event.data.expect("data stays").into()
}

#[test]
fn fields_of_an_event_lose_their_secrets_by_name() {
    let before = json!({
        "password": "two words", "API key": 12345, "tokens": 12, "token": 5, "error": "bad key sk-abc123",
        "call": {
            "headers": { "Authorization": "Bearer abc", "X-Api-Key": ["a", "b"], "Cookie": "sid=1" },
            "pairs": [{ "name": "api-key", "value": "abc" }, { "name": "model", "value": "gpt-5" }],
            "body": "{\"apiKey\":\"abc\"}", "max_tokens": 5, "secret": null, "client_secret": true,
            "credentials": { "user": "bob", "password": "" },
        },
    });
    let after = json!({
        "password": "[redacted]", "API key": "[redacted]", "tokens": 12, "token": 5,
        "error": "bad key [redacted]",
        "call": {
            "headers": {
                "Authorization": "Bearer [redacted]", "X-Api-Key": ["[redacted]", "[redacted]"],
                "Cookie": "[redacted]",
            },
            "pairs": [
                { "name": "api-key", "value": "[redacted]" }, { "name": "model", "value": "gpt-5" },
            ],
            "body": "{\"apiKey\":\"[redacted]\"}", "max_tokens": 5, "secret": null,
            "client_secret": true, "credentials": { "user": "bob", "password": "" },
        },
    });
    assert_eq!(cleaned(before), after);
    assert_eq!(cleaned(after.clone()), after);
}

#[test]
fn source_code_that_a_tool_runs_is_no_code_of_a_login() {
    let code = json!({ "code": "x1 = 2\ny2 = x1 * 3\nprint(y2, z3, a4)", "signature": "f(a1: i32, b2: u64) -> c3" });
    assert_eq!(cleaned(json!({ "value": code })), json!({ "value": code }));
    let login = json!({ "value": { "code": "4/0AX4XfWh-abcDEFghijk" } });
    assert_eq!(cleaned(login), json!({ "value": { "code": "[redacted]" } }));
}

#[test]
fn tokens_of_a_text_are_no_secrets() {
    let logprobs = json!({ "content": [{ "token": "hello", "logprob": -0.1 }, { "token": "world", "bytes": [119] }] });
    assert_eq!(cleaned(json!({ "logprobs": logprobs })), json!({ "logprobs": logprobs }));
    assert_eq!(
        cleaned(json!({ "x": { "token": "hello" } })),
        json!({ "x": { "token": "[redacted]" } })
    );
}

#[test]
fn keys_of_fields_and_labels_lose_their_secrets() {
    let clean = cleaned(json!({ "sk-abc123": 1, "sk-def456": 2, "x": { "sk-abc123": 3 } }));
    assert_eq!(clean, json!({ "[redacted]": 2, "x": { "[redacted]": 3 } }));

    let mut event =
        AgentEvent::started("sk-abc123", "sk-abc123").with_detail("sk-abc123".to_owned());
    let labels = [("sk-abc123", "x"), ("password", "abc"), ("tenant", "acme")];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    event.labels = Some(Arc::new(Labels::from(labels)));
    event.remove_secrets();
    let json = event.to_json();
    assert!(!json.contains("abc"), "{json}");
    assert!(
        json.contains(r#""labels":{"[redacted]":"x","password":"[redacted]","tenant":"acme"}"#),
        "{json}"
    );
}

#[test]
fn clean_event_is_shared_as_before() {
    let labels = Arc::new(Labels::from([("tenant".to_owned(), "acme".to_owned())]));
    let mut event = AgentEvent::started("writer", "draft");
    event.labels = Some(Arc::clone(&labels));
    let role = event.role.clone().expect("a role");
    event.remove_secrets();
    assert!(event.labels.is_some_and(|kept| Arc::ptr_eq(&kept, &labels)));
    assert!(event.role.is_some_and(|kept| Arc::ptr_eq(&kept, &role)));
}
