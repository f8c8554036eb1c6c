//! Generated keys of many issuers, in many places, and generated ids: how many are missed, and how
//! many are taken for keys.
//!
//! The shapes are those of gitleaks (`config/gitleaks.toml` at b58d3f1) and of trufflehog
//! (`pkg/detectors` at 3ab759f). `cargo test -p runtime-events corpus -- --nocapture` prints the rates.

use std::collections::BTreeSet;

use runtime_events::without_secrets;

/// Issuers whose keys have a shape of their own. `<a36>` stands for 36 letters of an alphabet: `a` ASCII
/// letters and digits, `h` hexadecimal, `u` capitals and digits, `l` letters, `w` URL-safe base64, `d`
/// digits.
const MARKED: &[(&str, &str)] = &[
    ("Aiven", "AVNS_<w19>"),
    ("Anyscale", "esecret_<w40>"),
    ("Arize", "ak-<h8>-<h4>-<h4>-<h4>-<h12>-<w32>"),
    ("Axiom", "xaat-<h8>-<h4>-<h4>-<h4>-<h12>"),
    ("Azure", "<a3>8Q~<w34>"),
    ("Azure OpenAI", "<a52>JQQJ99BC<a16>AAABACOG<a4>"),
    ("Baidu", "bce-v3/ALTAK-<a21>/<h40>"),
    ("Braintree", "access_token$production$<a16>$<h32>"),
    ("Browserbase", "bb_live_<w27>"),
    ("ClickUp", "pk_<d8>_<u32>"),
    ("Cerebras", "csk-<a48>"),
    ("Clojars", "CLOJARS_<h60>"),
    ("crates.io", "cio<a32>"),
    ("Databricks", "dose<h32>"),
    ("Daytona", "dtn_<h64>"),
    ("E2B", "e2b_<h40>"),
    ("Firecrawl", "fc-<h32>"),
    ("Fireworks", "fw_<a24>"),
    ("Friendli", "flp_<a46>"),
    ("Google", "GOCSPX-<w28>"),
    ("Google refresh", "1//0<w97>"),
    ("HCP Terraform", "<a14>.atlasv1.<w67>"),
    ("Honeycomb", "hcaik_01<a56>"),
    ("Inngest", "signkey-prod-<h64>"),
    ("Jina", "jina_<h32><w27>"),
    ("LaunchDarkly", "sdk-<h8>-<h4>-<h4>-<h4>-<h12>"),
    ("LlamaCloud", "llx-<a48>"),
    ("Mapbox", "sk.eyJ1Ijoi<a60>.<w22>"),
    ("Mem0", "m0-<a40>"),
    ("Modal", "as-<a22>"),
    ("Neon", "napi_<a64>"),
    ("NuGet", "oy2<a43>"),
    ("OneSignal", "os_v2_app_<a103>"),
    ("Plaid", "access-production-<h8>-<h4>-<h4>-<h4>-<h12>"),
    ("Render", "rnd_<a28>"),
    ("RunPod", "rpa_<a46>"),
    ("SonarQube", "squ_<h40>"),
    ("Statsig", "secret-<a43>"),
    ("Stripe webhooks", "whsec_<a32>"),
    ("Stytch", "secret-live-<w36>"),
    ("Supabase", "sb_secret_<w22>_<w8>"),
    ("Tencent", "AKID<a32>"),
    ("Together", "tgp_v1_<w43>"),
    ("Trigger.dev", "tr_prod_<a20>"),
    ("Unkey", "unkey_<a24>"),
    ("Vercel", "vck_<a56>"),
    ("Volcengine", "AKLT<a43>"),
    ("Voyage", "pa-<w43>"),
    ("Yandex", "t1.<w110>.<w86>"),
    ("Yandex", "y0_<w55>"),
    ("Weights & Biases", "wandb_v1_<w77>"),
    ("Adafruit IO", "aio_<a28>"),
    ("Adobe", "p8e-<a32>"),
    ("age", "AGE-SECRET-KEY-1<u58>"),
    ("Airtable", "pat<a14>.<h64>"),
    ("Alibaba", "LTAI<a20>"),
    ("Anthropic", "sk-ant-api03-<w93>AA"),
    ("Anthropic", "sk-ant-admin01-<w93>AA"),
    ("Apify", "apify_api_<a36>"),
    ("Artifactory", "AKCp<a69>"),
    ("Atlassian", "ATATT3<w180>=<u8>"),
    ("AWS", "AKIA<u16>"),
    ("AWS", "ASIA<u16>"),
    ("Bedrock", "ABSK<a109>="),
    ("Brevo", "xkeysib-<h64>-<a16>"),
    ("Buildkite", "bkua_<a40>"),
    ("CircleCI", "CCIPAT_<a22>_<h40>"),
    ("Cloudflare", "cfut_<a40><h8>"),
    ("Contentful", "CFPAT-<w43>"),
    ("Databricks", "dapi<h32>"),
    ("DeepSeek", "sk-<h32>"),
    ("DigitalOcean", "dop_v1_<h64>"),
    ("Discord", "<a24>.<a6>.<w27>"),
    ("Docker", "dckr_pat_<w27>"),
    ("Doppler", "dp.pt.<a43>"),
    ("Dropbox", "sl.<w135>"),
    ("Duffel", "duffel_live_<w43>"),
    ("Dynatrace", "dt0c01.<a24>.<a64>"),
    ("EasyPost", "EZAK<a54>"),
    ("ElevenLabs", "sk_<h48>"),
    ("Figma", "figd_<w40>"),
    ("Flutterwave", "FLWSECK-<a32>-X"),
    ("Fly.io", "fo1_<w43>"),
    ("Frame.io", "fio-u-<w64>"),
    ("GitHub", "ghp_<a36>"),
    ("GitHub", "github_pat_<a22>_<a59>"),
    ("GitLab", "glpat-<w20>"),
    ("Google", "AIza<w35>"),
    ("Google", "ya29.<w60>"),
    ("Grafana", "glsa_<a32>_<h8>"),
    ("Groq", "gsk_<a52>"),
    ("Heroku", "HRKU-AA<w58>"),
    ("HubSpot", "pat-na1-<h8>-<h4>-<h4>-<h4>-<h12>"),
    ("Hugging Face", "hf_<l34>"),
    ("Infracost", "ico-<a32>"),
    ("JOSE", "eyJ<a33>.eyJ<a60>.<w43>"),
    ("LangSmith", "lsv2_pt_<h32>_<h10>"),
    ("Langfuse", "sk-lf-<h8>-<h4>-<h4>-<h4>-<h12>"),
    ("Linear", "lin_api_<a40>"),
    ("Mailgun", "key-<h32>"),
    ("New Relic", "NRAK-<u27>"),
    ("Notion", "ntn_<d11><a35>"),
    ("npm", "npm_<a36>"),
    ("NVIDIA", "nvapi-<w64>"),
    ("OpenAI", "sk-<a20>T3BlbkFJ<a20>"),
    ("OpenAI", "sk-proj-<w74>T3BlbkFJ<w74>"),
    ("OpenRouter", "sk-or-v1-<h64>"),
    ("Perplexity", "pplx-<a48>"),
    ("Pinecone", "pcsk_<a5>_<a63>"),
    ("PlanetScale", "pscale_tkn_<a43>"),
    ("PostHog", "phx_<a43>"),
    ("Postman", "PMAK-<h24>-<h34>"),
    ("Prefect", "pnu_<a36>"),
    ("Pulumi", "pul-<h40>"),
    ("PyPI", "pypi-AgEIcHlwaS5vcmc<w60>"),
    ("ReadMe", "rdme_<a70>"),
    ("Replicate", "r8_<a37>"),
    ("Resend", "re_<a8>_<a24>"),
    ("RubyGems", "rubygems_<h48>"),
    ("Salesforce", "00D<a12>!<a96>"),
    ("Salesforce", "5Aep861<a80>"),
    ("SendGrid", "SG.<w22>.<w43>"),
    ("Sentry", "sntryu_<h64>"),
    ("Shippo", "shippo_live_<h40>"),
    ("Shopify", "shpat_<h32>"),
    ("Shopify", "shpsb_<a32>"),
    ("Shopify", "shpua_<a32>"),
    ("Slack", "xoxb-<d12>-<d12>-<a24>"),
    ("Slack", "xapp-1-<u11>-<d13>-<h64>"),
    ("Sourcegraph", "sgp_<h40>"),
    ("Square", "sq0atp-<w22>"),
    ("Stripe", "sk_live_<a24>"),
    ("Stripe", "rk_test_<a24>"),
    ("Supabase", "sbp_<h40>"),
    ("Tailscale", "tskey-auth-<a16>-<a32>"),
    ("Telegram", "<d9>:AA<w33>"),
    ("Twilio", "SK<h32>"),
    ("Typeform", "tfp_<a44>"),
    ("Vault", "hvs.<w90>"),
    ("xAI", "xai-<a80>"),
];

/// Issuers whose keys are letters and digits as many ids are.
const UNMARKED: &[(&str, &str)] = &[
    ("Azure OpenAI", "<h32>"),
    ("Cohere", "<a40>"),
    ("Datadog", "<h40>"),
    ("Mistral", "<a32>"),
    ("Snyk", "<h8>-<h4>-<h4>-<h4>-<h12>"),
    ("Together", "<h64>"),
];

/// Where a key may stand. The ones that do not name it come first.
const PLACES: &[(&str, &str)] = &[
    ("bare", "{}"),
    ("in brackets", "refused ({}), try again"),
    ("in a list", "[\"{}\",\"{}\"]"),
    ("after an escape", "two lines:\\n{}\\nend"),
];

const NAMED: &[(&str, &str)] = &[
    ("query", "GET https://api.example.com/v1/models?api_key={}&page=2"),
    ("JSON field", "{\"api_key\":\"{}\",\"max_tokens\":5}"),
    ("nested JSON", "{\"body\":\"{\\\"apiKey\\\":\\\"{}\\\",\\\"n\\\":1}\"}"),
    ("header", "x-api-key: {}\r\nhost: example.com"),
    ("Authorization", "authorization: Bearer {}\r\nhost: example.com"),
    ("variable", "export SERVICE_API_KEY={} && ./run"),
    ("debug output", "Config { api_key: Some(\"{}\"), retries: 3 }"),
    ("sentence", "Incorrect API key provided: {}. Check your key."),
    ("prose", "the API key {} has expired"),
    ("address", "https://user:{}@example.com/v1"),
];

/// Ids and names that are none of anybody's secrets.
const IDS: &[(&str, &str)] = &[
    ("commit", "<h40>"),
    ("short commit", "<h7>"),
    ("SHA-256", "<h64>"),
    ("MD5", "<h32>"),
    ("UUID", "<h8>-<h4>-<h4>-<h4>-<h12>"),
    ("span", "<h16>"),
    ("traceparent", "00-<h32>-<h16>-01"),
    ("request", "req_<a24>"),
    ("response", "resp_<h48>"),
    ("completion", "chatcmpl-<a29>"),
    ("message", "msg_<a24>"),
    ("call", "call_<a24>"),
    ("tool use", "toolu_<a22>"),
    ("run", "run_<a24>"),
    ("thread", "thread_<a24>"),
    ("batch", "batch_<a24>"),
    ("model", "claude-opus-4-5-2025<d4>"),
    ("fine-tuned model", "ft:gpt-4o-mini-2024-07-18:acme::<a8>"),
    ("path", "/var/lib/app/<h8>/<a12>.json"),
    ("file", "report-2024-<d2>-<d2>_<l8>.pdf"),
    ("time", "2026-05-<d2>T12:00:00.<d6>Z"),
    ("amount", "<d9>.<d2>"),
    ("digest", "sha256:<h64>"),
    ("host", "ip-10-0-<d2>-<d2>.eu-west-1.compute.internal"),
    ("ARN", "arn:aws:bedrock:us-east-1:<d12>:inference-profile/us.<l8>-v1:0"),
    ("address", "https://example.com/runs/<a12>/events?page=<d2>&sort=asc"),
    ("image", "data:image/png;base64,iVBORw0KGgo<a60>"),
];

const ID_PLACES: &[&str] = &[
    "{}",
    "request {} failed",
    "{\"id\":\"{}\",\"model\":\"{}\"}",
    "request_id={} trace={}",
    "the key of the run {} is unknown",
    "API key is missing (request {})",
    "invalid token, request id: {}",
];

/// How many keys or ids of each kind are made.
const EACH: usize = 40;

/// A generator whose numbers are the same in each run.
struct Numbers(u64);

impl Numbers {
    /// A number below `bound`, by xorshift.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("64 bits") % bound
    }

    /// A text of this shape.
    fn text(&mut self, shape: &str) -> String {
        let mut parts = shape.split('<');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (letters, rest) = part.split_once('>').expect("a shape ends");
            let (alphabet, length) = letters.split_at(1);
            let alphabet: &[u8] = match alphabet {
                "a" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "h" => b"0123456789abcdef",
                "u" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
                "l" => b"abcdefghijklmnopqrstuvwxyz",
                "w" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                _ => b"0123456789",
            };
            let length: usize = length.parse().expect("a length");
            text.extend((0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])));
            text += rest;
        }
        text
    }
}

/// Of how many keys of these shapes the end is still there, of all.
fn missed(shapes: &[(&str, &str)], place: &str) -> (usize, Vec<String>) {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut missed = Vec::new();
    for (_, shape) in shapes {
        for _ in 0..EACH {
            let key = numbers.text(shape);
            let text = place.replace("{}", &key);
            let clean = without_secrets(&text).into_owned();
            if clean.contains(&key[key.len() - 8..]) {
                missed.push(clean);
            }
        }
    }
    (shapes.len() * EACH, missed)
}

#[expect(clippy::print_stdout, reason = "the rates are for people")]
fn print(kind: &str, place: &str, (all, found): (usize, &[String])) {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let rate = found.len() as f64 * 100.0 / all as f64;
    let example = found.first().map(String::as_str).unwrap_or_default();
    println!("{kind:<9} {place:<16} {:>5} of {all:>5}  {rate:>6.2} %  {example}", found.len());
}

#[test]
fn corpus_of_keys_has_a_bounded_miss_rate() {
    let issuers: BTreeSet<_> = MARKED.iter().map(|(issuer, _)| issuer).collect();
    assert!(issuers.len() >= 40);
    for (place, text) in PLACES.iter().chain(NAMED) {
        let (all, keys) = missed(MARKED, text);
        print("marked", place, (all, &keys));
        assert!(keys.len() * 1_000 <= all, "{place}: {keys:#?}");
    }
    for (place, text) in PLACES {
        let (all, keys) = missed(UNMARKED, text);
        print("unmarked", place, (all, &keys));
    }
    for (place, text) in NAMED {
        let (all, keys) = missed(UNMARKED, text);
        print("unmarked", place, (all, &keys));
        assert!(keys.len() * 100 <= all, "{place}: {keys:#?}");
    }
}

#[test]
fn corpus_of_ids_has_a_bounded_rate_of_false_alarms() {
    let mut numbers = Numbers(0xd1b5_4a32_d192_ed03);
    let (mut all, mut changed) = (0, Vec::new());
    for (_, shape) in IDS {
        for place in ID_PLACES {
            for _ in 0..EACH {
                let text = place.replace("{}", &numbers.text(shape));
                all += 1;
                let clean = without_secrets(&text);
                if clean != text {
                    changed.push(clean.into_owned());
                }
            }
        }
    }
    print("ids", "all", (all, &changed));
    assert!(changed.len() * 1_000 <= all, "{changed:#?}");
}
