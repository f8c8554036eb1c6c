//! The beginnings of keys that their issuers mark: one row for each.
//!
//! Prefixes, lengths and alphabets are those of gitleaks (`config/gitleaks.toml` at b58d3f1, July 2026)
//! and of trufflehog (`pkg/detectors` at 3ab759f, August 2026), both read in November 2026. Those of
//! younger issuers are in their own documentation: in the quickstart of Tavily, Cerebras, Fireworks,
//! Together, Voyage, Jina, `RunPod`, Anyscale, Modal, E2B, Daytona, Firecrawl, Browserbase,
//! `LlamaCloud`, Mem0, Friendli, Unkey, Trigger.dev, Inngest, Stytch, Statsig and `OneSignal`, and in the
//! pages on keys of Vercel, Supabase, Honeycomb, Axiom, Render, Neon, Aiven, Baidu, Tencent and
//! Volcengine. A kubeconfig has private keys as base64 of their PEM. Where a prefix cannot begin an
//! ordinary word, a shorter rest than the issuer's is enough, since messages cut keys; otherwise the rest
//! has the issuer's length.

use self::Alphabet::{Alnum, Base64, Dotted, Hex, Letters, Path, Upper, Url, Uuid};

/// The letters that may follow a prefix. A `*` may stand for any of them: some providers mask the
/// keys that they quote.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alphabet {
    /// Decimal digits.
    Digits,
    /// Hexadecimal digits.
    Hex,
    /// Hexadecimal digits and `-`.
    Uuid,
    /// Capitals and digits.
    Upper,
    /// ASCII letters and digits.
    Alnum,
    /// ASCII letters, digits and `.`.
    Letters,
    /// ASCII letters, digits, `_` and `-`.
    Url,
    /// `Url` and `.`.
    Dotted,
    /// Base64 in both spellings.
    Base64,
    /// The path of an address: `Url` and `/`.
    Path,
}

impl Alphabet {
    pub(super) const fn has(self, byte: u8) -> bool {
        byte == b'*'
            || match self {
                Self::Digits => byte.is_ascii_digit(),
                Hex => byte.is_ascii_hexdigit(),
                Uuid => byte.is_ascii_hexdigit() || byte == b'-',
                Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
                Alnum => byte.is_ascii_alphanumeric(),
                Letters => byte.is_ascii_alphanumeric() || byte == b'.',
                Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
                Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
                Base64 => {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=')
                }
                Path => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'@'),
            }
    }
}

/// One kind of key: its issuer, its prefix, the least length of the rest, and the letters of the rest.
type Issuer = (&'static str, &'static [u8], usize, Alphabet);

/// In the order of the first byte, and the longer of two prefixes first.
#[rustfmt::skip]
const ISSUERS: &[Issuer] = &[
    ("Google", b"1//0", 40, Url),
    ("Salesforce", b"5AEP861", 60, Dotted),
    ("Salesforce", b"5Aep861", 60, Dotted),
    ("Bedrock", b"ABSK", 40, Base64),
    ("AWS", b"ABIA", 16, Upper),
    ("AWS", b"ACCA", 16, Upper),
    ("age", b"AGE-SECRET-KEY-1", 20, Upper),
    ("Google", b"AIza", 12, Url),
    ("Artifactory", b"AKCp", 40, Alnum),
    ("AWS", b"AKIA", 16, Upper),
    ("Tencent", b"AKID", 32, Alnum),
    ("Volcengine", b"AKLT", 40, Base64),
    ("Octopus Deploy", b"API-", 26, Upper),
    ("Yandex", b"AQVN", 35, Url),
    ("AWS", b"ASIA", 16, Upper),
    ("Atlassian", b"ATATT3", 20, Base64),
    ("Bitbucket", b"ATBB", 20, Url),
    ("Atlassian", b"ATCTT3", 20, Base64),
    ("Aiven", b"AVNS_", 12, Url),
    ("Bitbucket", b"BBDC-", 40, Base64),
    ("CircleCI", b"CCIPAT_", 20, Url),
    ("Contentful", b"CFPAT-", 20, Url),
    ("Clojars", b"CLOJARS_", 40, Hex),
    ("Square", b"EAAA", 40, Url),
    ("Meta", b"EAAC", 100, Alnum),
    ("Meta", b"EAAM", 100, Alnum),
    ("EasyPost", b"EZAK", 54, Alnum),
    ("EasyPost", b"EZTK", 54, Alnum),
    ("Flutterwave", b"FLWSECK_TEST-", 12, Url),
    ("Flutterwave", b"FLWSECK-", 20, Url),
    ("Google", b"GOCSPX-", 28, Url),
    ("GitLab", b"GR1348941", 20, Url),
    ("Heroku", b"HRKU-AA", 20, Url),
    ("PEM in base64", b"LS0tLS1CRUdJTiBEU0EgUFJJVkFURSBLRVkt", 16, Base64),
    ("PEM in base64", b"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0t", 16, Base64),
    ("PEM in base64", b"LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFU", 16, Base64),
    ("PEM in base64", b"LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUg", 16, Base64),
    ("PEM in base64", b"LS0tLS1CRUdJTiBQR1AgUFJJVkFURSBLRVkg", 16, Base64),
    ("PEM in base64", b"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0t", 16, Base64),
    ("PEM in base64", b"LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt", 16, Base64),
    ("Alibaba", b"LTAI", 17, Alnum),
    ("New Relic", b"NRAK-", 20, Alnum),
    ("New Relic", b"NRII-", 20, Url),
    ("New Relic", b"NRJS-", 19, Hex),
    ("Postman", b"PMAK-", 24, Url),
    ("SendGrid", b"SG.", 30, Dotted),
    ("Twilio", b"SK", 32, Hex),
    ("Voiceflow", b"VF.", 40, Dotted),
    ("Plaid", b"access-development-", 36, Uuid),
    ("Plaid", b"access-production-", 36, Uuid),
    ("Plaid", b"access-sandbox-", 36, Uuid),
    ("Adafruit IO", b"aio_", 28, Alnum),
    ("Hugging Face", b"api_org_", 30, Alnum),
    ("Apify", b"apify_api_", 20, Alnum),
    ("Modal", b"as-", 22, Alnum),
    ("Browserbase", b"bb_live_", 27, Url),
    ("Baidu", b"bce-v3/ALTAK-", 30, Path),
    ("Bedrock", b"bedrock-api-key-", 20, Base64),
    ("Buildkite", b"bkua_", 20, Alnum),
    ("Cloudflare", b"cfat_", 40, Alnum),
    ("Cloudflare", b"cfk_", 40, Alnum),
    ("Cloudflare", b"cfut_", 40, Alnum),
    ("crates.io", b"cio", 32, Alnum),
    ("Artifactory", b"cmVmd", 40, Alnum),
    ("Cerebras", b"csk-", 40, Alnum),
    ("Databricks", b"dapi", 32, Hex),
    ("Docker", b"dckr_oat_", 20, Url),
    ("Docker", b"dckr_pat_", 20, Url),
    ("Discord", b"discord.com/api/webhooks/", 40, Path),
    ("DigitalOcean", b"doo_v1_", 20, Hex),
    ("DigitalOcean", b"dop_v1_", 20, Hex),
    ("DigitalOcean", b"dor_v1_", 20, Hex),
    ("Databricks", b"dose", 32, Hex),
    ("Doppler", b"dp.audit.", 20, Dotted),
    ("Doppler", b"dp.ct.", 20, Dotted),
    ("Doppler", b"dp.pt.", 20, Dotted),
    ("Doppler", b"dp.sa.", 20, Dotted),
    ("Doppler", b"dp.scim.", 20, Dotted),
    ("Doppler", b"dp.st.", 20, Dotted),
    ("Dynatrace", b"dt0c01.", 40, Dotted),
    ("Daytona", b"dtn_", 40, Hex),
    ("Duffel", b"duffel_live_", 20, Url),
    ("Duffel", b"duffel_test_", 20, Url),
    ("E2B", b"e2b_", 40, Hex),
    ("Anyscale", b"esecret_", 40, Url),
    ("Grafana", b"eyJrIjoi", 40, Base64),
    ("Firecrawl", b"fc-", 32, Hex),
    ("Figma", b"figd_", 20, Url),
    ("Figma", b"figp_", 20, Url),
    ("Frame.io", b"fio-u-", 20, Url),
    ("Friendli", b"flp_", 40, Alnum),
    ("Fly.io", b"fm1a_", 40, Base64),
    ("Fly.io", b"fm1r_", 40, Base64),
    ("Fly.io", b"fm2_", 40, Base64),
    ("Fly.io", b"fo1_", 40, Url),
    ("Fireworks", b"fw_", 22, Alnum),
    ("GitHub", b"gho_", 16, Alnum),
    ("GitHub", b"ghp_", 16, Alnum),
    ("GitHub", b"ghr_", 16, Alnum),
    ("GitHub", b"ghs_", 16, Alnum),
    ("GitHub", b"ghu_", 16, Alnum),
    ("GitHub", b"github_pat_", 16, Url),
    ("GitLab", b"glagent-", 16, Url),
    ("GitLab", b"glcbt-", 16, Url),
    ("Grafana", b"glc_", 32, Base64),
    ("GitLab", b"gldt-", 16, Url),
    ("GitLab", b"glffct-", 16, Url),
    ("GitLab", b"glft-", 16, Url),
    ("GitLab", b"glimt-", 16, Url),
    ("GitLab", b"gloas-", 16, Url),
    ("GitLab", b"glpat-", 16, Dotted),
    ("GitLab", b"glptt-", 16, Url),
    ("GitLab", b"glrt-", 16, Dotted),
    ("GitLab", b"glrtr-", 16, Url),
    ("Grafana", b"glsa_", 20, Url),
    ("GitLab", b"glsoat-", 16, Url),
    ("Groq", b"gsk_", 20, Alnum),
    ("Honeycomb", b"hcaik_", 30, Alnum),
    ("Honeycomb", b"hcxik_", 30, Alnum),
    ("Hugging Face", b"hf_", 30, Alnum),
    ("Slack", b"hooks.slack.com/services/", 20, Path),
    ("Slack", b"hooks.slack.com/triggers/", 20, Path),
    ("Slack", b"hooks.slack.com/workflows/", 20, Path),
    ("Zapier", b"hooks.zapier.com/hooks/catch/", 12, Path),
    ("Vault", b"hvb.", 24, Url),
    ("Vault", b"hvs.", 24, Url),
    ("Infracost", b"ico-", 32, Alnum),
    ("Jina", b"jina_", 50, Url),
    ("Mailgun", b"key-", 32, Hex),
    ("Linear", b"lin_api_", 20, Alnum),
    ("Linear", b"lin_oauth_", 20, Hex),
    ("LlamaCloud", b"llx-", 40, Alnum),
    ("LangSmith", b"lsv2_pt_", 20, Url),
    ("LangSmith", b"lsv2_sk_", 20, Url),
    ("Mem0", b"m0-", 40, Alnum),
    ("Neon", b"napi_", 40, Alnum),
    ("Netlify", b"nfp_", 36, Url),
    ("npm", b"npm_", 36, Alnum),
    ("Notion", b"ntn_", 20, Alnum),
    ("NVIDIA", b"nvapi-", 20, Url),
    ("1Password", b"ops_eyJ", 40, Base64),
    ("OneSignal", b"os_v2_app_", 40, Alnum),
    ("NuGet", b"oy2", 43, Alnum),
    ("Adobe", b"p8e-", 32, Alnum),
    ("HubSpot", b"pat-eu1-", 20, Url),
    ("HubSpot", b"pat-na1-", 20, Url),
    ("Airtable", b"pat", 79, Letters),
    ("Pinecone", b"pcsk_", 20, Url),
    ("PostHog", b"phx_", 20, Url),
    ("Prefect", b"pnu_", 36, Alnum),
    ("Perplexity", b"pplx-", 32, Alnum),
    ("PlanetScale", b"pscale_oauth_", 16, Dotted),
    ("PlanetScale", b"pscale_pw_", 16, Dotted),
    ("PlanetScale", b"pscale_tkn_", 16, Dotted),
    ("Pulumi", b"pul-", 40, Hex),
    ("PyPI", b"pypi-AgEIcHlwaS5vcmc", 16, Url),
    ("Replicate", b"r8_", 30, Alnum),
    ("Ramp", b"ramp_sec_", 20, Alnum),
    ("ReadMe", b"rdme_", 40, Alnum),
    ("Stripe", b"rk_live_", 10, Alnum),
    ("Stripe", b"rk_prod_", 10, Alnum),
    ("Stripe", b"rk_test_", 10, Alnum),
    ("Render", b"rnd_", 28, Alnum),
    ("Rootly", b"rootly_", 40, Hex),
    ("RunPod", b"rpa_", 40, Alnum),
    ("RubyGems", b"rubygems_", 40, Alnum),
    ("42", b"s-s4t2af-", 40, Hex),
    ("42", b"s-s4t2ud-", 40, Hex),
    ("Supabase", b"sb_secret_", 31, Url),
    ("Supabase", b"sbp_", 40, Alnum),
    ("LaunchDarkly", b"sdk-", 36, Uuid),
    ("Stytch", b"secret-live-", 36, Url),
    ("Stytch", b"secret-test-", 36, Url),
    ("Statsig", b"secret-", 40, Alnum),
    ("Notion", b"secret_", 43, Alnum),
    ("Sourcegraph", b"sgp_", 40, Url),
    ("OpenShift", b"sha256~", 43, Url),
    ("Shippo", b"shippo_live_", 20, Hex),
    ("Shippo", b"shippo_test_", 20, Hex),
    ("Shopify", b"shpat_", 16, Hex),
    ("Shopify", b"shpca_", 16, Hex),
    ("Shopify", b"shppa_", 16, Hex),
    ("Shopify", b"shprt_", 16, Alnum),
    ("Shopify", b"shpsb_", 16, Alnum),
    ("Shopify", b"shpss_", 16, Hex),
    ("Shopify", b"shptka_", 16, Alnum),
    ("Shopify", b"shpua_", 16, Alnum),
    ("Inngest", b"signkey-prod-", 32, Hex),
    ("Inngest", b"signkey-test-", 32, Hex),
    ("Anthropic", b"sk-ant-", 10, Url),
    ("Langfuse", b"sk-lf-", 10, Url),
    ("OpenRouter", b"sk-or-v1-", 10, Url),
    ("OpenAI", b"sk-admin-", 8, Url),
    ("OpenAI", b"sk-proj-", 8, Url),
    ("OpenAI", b"sk-svcacct-", 8, Url),
    ("Mapbox", b"sk.eyJ", 40, Dotted),
    ("Stripe", b"sk_live_", 10, Alnum),
    ("Stripe", b"sk_prod_", 10, Alnum),
    ("Stripe", b"sk_test_", 10, Alnum),
    ("ElevenLabs", b"sk_", 48, Hex),
    ("Dropbox", b"sl.", 100, Dotted),
    ("SettleMint", b"sm_aat_", 16, Alnum),
    ("SettleMint", b"sm_pat_", 16, Alnum),
    ("SettleMint", b"sm_sat_", 16, Alnum),
    ("Sentry", b"sntrys_eyJ", 20, Base64),
    ("Sentry", b"sntryu_", 20, Hex),
    ("Square", b"sq0atp-", 20, Url),
    ("Square", b"sq0csp-", 20, Url),
    ("SonarQube", b"sqa_", 40, Hex),
    ("SonarQube", b"sqp_", 40, Hex),
    ("SonarQube", b"squ_", 40, Hex),
    ("Yandex", b"t1.", 100, Dotted),
    ("Typeform", b"tfp_", 30, Dotted),
    ("Together", b"tgp_v1_", 43, Url),
    ("Scalingo", b"tk-us-", 30, Url),
    ("Trigger.dev", b"tr_dev_", 20, Alnum),
    ("Trigger.dev", b"tr_prod_", 20, Alnum),
    ("Tailscale", b"tskey-", 16, Url),
    ("Tavily", b"tvly-", 10, Url),
    ("Unkey", b"unkey_", 20, Alnum),
    ("Cloudflare", b"v1.0-", 150, Url),
    ("Vercel", b"vck_", 40, Alnum),
    ("Weights & Biases", b"wandb_v1_", 40, Url),
    ("Microsoft Teams", b"webhook.office.com/webhookb2/", 40, Path),
    ("Stripe", b"whsec_", 30, Base64),
    ("Axiom", b"xaat-", 36, Uuid),
    ("xAI", b"xai-", 20, Url),
    ("Slack", b"xapp-", 16, Url),
    ("Axiom", b"xapt-", 36, Uuid),
    ("Brevo", b"xkeysib-", 20, Url),
    ("Slack", b"xoxa-", 10, Url),
    ("Slack", b"xoxb-", 10, Url),
    ("Slack", b"xoxe-", 10, Base64),
    ("Slack", b"xoxe.xoxb-", 10, Url),
    ("Slack", b"xoxe.xoxp-", 10, Url),
    ("Slack", b"xoxo-", 10, Url),
    ("Slack", b"xoxp-", 10, Url),
    ("Slack", b"xoxr-", 10, Url),
    ("Slack", b"xoxs-", 10, Url),
    ("Yandex", b"y0_", 50, Url),
    ("Google", b"ya29.", 10, Url),
];

/// Where the rows of each first byte begin. Computed when the crate is built.
const ROWS: [u8; 129] = {
    let mut rows = [0; 129];
    let (mut byte, mut row) = (0, 0);
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer than 256 rows")]
        {
            rows[byte] = row as u8;
        }
        while row < ISSUERS.len() && ISSUERS[row].1[0] as usize == byte {
            row += 1;
        }
        byte += 1;
    }
    assert!(row == ISSUERS.len() && row < 256, "the rows are in the order of their first byte");
    rows[128] = rows[127];
    rows
};

/// The second bytes of the prefixes, as bits, for each first byte: what nearly no word begins with.
const SECOND: [u128; 128] = {
    let (mut second, mut row) = ([0; 128], 0);
    while row < ISSUERS.len() {
        let prefix = ISSUERS[row].1;
        second[prefix[0] as usize] |= 1 << prefix[1];
        row += 1;
    }
    let mut shape = 0;
    while shape < super::shapes::BEGINNINGS.len() {
        let [first, next] = *super::shapes::BEGINNINGS[shape];
        second[first as usize] |= 1 << next;
        shape += 1;
    }
    second
};

/// Whether a key may begin with these bytes, by an issuer's prefix or by its shape.
#[inline]
pub(super) fn may_begin(first: u8, second: u8) -> bool {
    SECOND.get(usize::from(first)).is_some_and(|bits| second < 128 && bits >> second & 1 == 1)
}

/// The end of the key that an issuer's prefix begins here.
#[inline]
pub(super) fn key(text: &[u8], at: usize) -> Option<usize> {
    let first = usize::from(*text.get(at)?);
    let (from, to) = (*ROWS.get(first)?, *ROWS.get(first + 1)?);
    if from == to { None } else { among(&ISSUERS[usize::from(from)..usize::from(to)], text, at) }
}

fn among(rows: &[Issuer], text: &[u8], at: usize) -> Option<usize> {
    rows.iter().find_map(|&(_, prefix, least, alphabet)| {
        let rest = text[at..].strip_prefix(prefix)?;
        let length = rest.iter().take_while(|&&byte| alphabet.has(byte)).count();
        (length >= least).then_some(at + prefix.len() + length)
    })
}
