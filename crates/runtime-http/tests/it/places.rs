//! Where a call goes: the model in its path, the key that it has, and what stays behind.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use runtime_http::{Place, Turns, turn_error};
use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, RecoveryConfig};
use runtime_resilience::{Backoff, JitterMode, Provider, Route, Routes};
use serde_json::{Value, json};
use tower_service::Service;

use crate::support::{Said, Script};

/// A session with these routes, each of a provider and a model.
fn session(routes: &[(&str, &str)]) -> OrchestrationSession {
    let routes = routes.iter().map(|(provider, model)| Route::new(*provider, *model));
    let at_once = Backoff::new(std::time::Duration::from_nanos(1), 1.0).unwrap();
    let recovery = RecoveryConfig::default().routes(Routes::ordered(routes));
    let recovery = recovery.backoff(at_once.jitter(JitterMode::None));
    Orchestrator::new("writer", "draft").recovery(recovery).session().unwrap()
}

const DOWN: u16 = 503;

/// The requests of a call that is answered by the last route, and its outcome.
async fn call(
    turns: &Turns,
    failures: usize,
    (url, headers, body): (&str, &[(&'static str, &'static str)], Value),
) -> (Vec<Request<Bytes>>, Result<u16, BoxError>) {
    let down = Said::json(DOWN, &json!({"error": {"message": "Service unavailable"}}));
    let answer = Said::json(200, &json!({"choices": [{"message": {"content": "Hi"}}]}));
    let client = Script::of(std::iter::repeat_n(down, failures).chain([answer]));
    let mut request = Request::post(url).body(Full::<Bytes>::from(body.to_string())).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    let reply = turns.layer(client.clone()).call(request).await;
    (client.requests(), reply.map(|reply| reply.status().as_u16()))
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/models";

#[tokio::test]
async fn model_in_the_path_is_that_of_the_route() {
    for (url, other) in [
        (
            format!("{GEMINI}/first:generateContent?alt=json"),
            format!("{GEMINI}/second:generateContent?alt=json"),
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/first/converse".to_owned(),
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/second/converse".to_owned(),
        ),
    ] {
        let session = session(&[("own", "first"), ("own", "second")]);
        let turns = Turns::of(&session);
        let (requests, reply) = call(&turns, 1, (&url, &[], json!({"contents": []}))).await;
        assert_eq!(reply.unwrap(), 200, "{url}");
        let uris: Vec<_> = requests.iter().map(|request| request.uri().to_string()).collect();
        assert_eq!(uris, [url, other]);
    }
}

/// The request that goes to a place behind a route that is down.
async fn elsewhere(
    base: &str,
    key: Option<&str>,
    asked: (&str, &[(&'static str, &'static str)], Value),
) -> Request<Bytes> {
    at_place_of("other", base, key, asked).await
}

/// The same, at a place of this provider.
async fn at_place_of(
    provider: &str,
    base: &str,
    key: Option<&str>,
    asked: (&str, &[(&'static str, &'static str)], Value),
) -> Request<Bytes> {
    let session = session(&[("own", "first"), (provider, "second")]);
    let place = Place::of(&Route::new(provider, "second"), base).unwrap();
    let place = key.map_or_else(|| place.clone(), |key| place.clone().key(key).unwrap());
    let (mut requests, reply) = call(&Turns::of(&session).place(place), 1, asked).await;
    assert_eq!((reply.unwrap(), requests.len()), (200, 2));
    requests.pop().unwrap()
}

#[tokio::test]
async fn key_in_the_query_is_never_sent_to_another_host() {
    let url = format!("{GEMINI}/first:streamGenerateContent?key=own&alt=sse&access_token=own");
    for key in [None, Some("theirs")] {
        let asked = (&*url, &[][..], json!({"contents": []}));
        let sent = elsewhere("https://proxy.test/v1beta", key, asked).await;
        let expected = "https://proxy.test/v1beta/models/second:streamGenerateContent?alt=sse";
        assert_eq!(sent.uri(), expected, "{key:?}");
        assert_eq!(text(sent.headers(), "x-goog-api-key"), key.unwrap_or_default());
    }
    // Another key of the same host would lose against it.
    let base = "https://generativelanguage.googleapis.com/v1beta";
    let asked = |key| elsewhere(base, key, (&url, &[], json!({"contents": []})));
    assert_eq!(asked(Some("theirs")).await.uri().query(), Some("alt=sse"));
    assert_eq!(asked(None).await.uri().query(), Some("key=own&alt=sse&access_token=own"));
}

const CHAT: &str = "https://api.openai.com/v1/chat/completions";

#[tokio::test]
async fn what_says_who_asks_is_never_sent_to_another_host() {
    let own = [
        ("authorization", "Bearer own"),
        ("proxy-authorization", "Basic own"),
        ("cookie", "session=own"),
        ("openai-organization", "org-own"),
        ("openai-project", "proj_own"),
        ("ocp-apim-subscription-key", "own"),
        ("helicone-auth", "Bearer own"),
        ("x-amz-security-token", "own"),
    ];
    let others = [("content-type", "application/json"), ("http-referer", "https://our.test")];
    let headers = [&own[..], &others].concat();
    let body = json!({"model": "first", "messages": []});
    let asked = (CHAT, &headers[..], body.clone());
    let sent = elsewhere("https://api.groq.com/openai/v1", None, asked).await;
    for (name, value) in &headers {
        let stays = others.iter().any(|(other, _)| other == name);
        assert_eq!(text(sent.headers(), name), if stays { value } else { "" }, "{name}");
    }
    // Another key of the same host: OpenAI refuses it with the organization of the first one. Headers of a gateway
    // there are not of the key.
    let asked = (CHAT, &headers[..], body);
    let sent = elsewhere("https://api.openai.com/v1", Some("second"), asked).await;
    assert_eq!(text(sent.headers(), "authorization"), "Bearer second");
    for (name, stays) in
        [("openai-organization", false), ("x-amz-security-token", false), ("helicone-auth", true)]
    {
        assert_eq!(sent.headers().contains_key(name), stays, "{name}");
    }
}

#[test]
fn place_without_a_url_is_refused() {
    let route = Route::new("other", "second");
    for base in [
        "",
        "api.groq.com/openai/v1",
        "localhost:8000/v1",
        "/v1",
        "ftp://a.test",
        "https://",
        "https://:80",
        "http://127.0.0.1:99999/v1",
        "http://a.test:port/v1",
        "https://a b.test",
        "https://a.test/v1#fragment",
    ] {
        let refused = Place::of(&route, base).unwrap_err();
        assert_eq!((refused.field, &*refused.value), ("base", base));
        let said = refused.to_string();
        assert!(said.contains("`base` of the place of `other`") && said.contains(base), "{said}");
    }
    let refused = Place::of(&route, "https://me:hunter2@a.test/v1").unwrap_err();
    let said =
        "`base` of the place of `other` must be a URL without a user and a password, not `…`";
    assert_eq!(refused.to_string(), said);
    let place = Place::of(&route, "https://a.test/v1?key=hunter2").unwrap();
    assert!(!format!("{place:?}").contains("hunter2"), "{place:?}");
    for base in
        ["http://localhost:8000/v1", "https://[::1]/v1", "https://[::1]:80?a=b", "HTTPS://a.test"]
    {
        let place = Place::of(&route, base).unwrap();
        for key in ["", " \n", "a\nb", "a\u{7f}"] {
            let refused = place.clone().key(key).unwrap_err();
            assert_eq!(refused.field, "key", "{key:?}");
            let said = refused.to_string();
            assert!(key.trim().is_empty() || !said.contains(key), "{said}");
        }
    }
}

const DEPLOYED: &str = "https://x.openai.azure.com/openai/deployments";

#[tokio::test]
async fn deployment_is_never_asked_for_another_model() {
    let own = format!("{DEPLOYED}/mine/chat/completions?api-version=1");
    for (body, is_named) in [(json!({"messages": []}), false), (json!({"model": "first"}), true)] {
        // Its model is in the body, or else it is taken for the model.
        let first = if is_named { "first" } else { "mine" };
        let routes = [("azure", first), ("azure", "second")];
        let [without, with] = [session(&routes), session(&routes)];
        let asked = (&*own, &[][..], body);
        let (requests, reply) = call(&Turns::of(&without), 1, asked.clone()).await;
        assert_eq!(requests.len(), 1, "{requests:?}");
        let said = format!("{:?}", turn_error(&*reply.unwrap_err()).unwrap());
        assert!(said.contains("no call of model `second` can go to `azure`"), "{said}");
        assert!(said.contains("base ends with the deployment of its model"), "{said}");

        // A place of its own.
        let place = |model: &str| {
            let base = format!("{DEPLOYED}/at-{model}?api-version=1");
            Place::of(&Route::new("azure", model), base).unwrap().key("key").unwrap()
        };
        let turns = Turns::of(&with).place(place(first)).place(place("second"));
        let (requests, reply) = call(&turns, 1, asked).await;
        assert_eq!(reply.unwrap(), 200);
        let uris: Vec<_> = requests.iter().map(|request| request.uri().to_string()).collect();
        let at = |model: &str| format!("{DEPLOYED}/at-{model}/chat/completions?api-version=1");
        assert_eq!(uris, [at(first), at("second")]);
    }
    // Nor does another model of the provider go to the client's own URL.
    let session = session(&[("own", "first"), ("azure", "second")]);
    let of_third = Place::of(&Route::new("azure", "third"), format!("{DEPLOYED}/third")).unwrap();
    let turns = Turns::of(&session).place(of_third);
    let (requests, reply) = call(&turns, 1, (CHAT, &[], json!({"model": "first"}))).await;
    assert_eq!((requests.len(), reply.is_err()), (1, true));
}

#[tokio::test]
async fn endpoint_of_vertex_is_never_asked_for_another_model() {
    const PROJECT: &str = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l";
    let own = format!("{PROJECT}/endpoints/4711:generateContent");
    let asked = (&*own, &[][..], json!({"contents": []}));
    let [without, with] = [(); 2].map(|()| session(&[("own", "4711"), ("gemini", "second")]));
    let (requests, reply) = call(&Turns::of(&without), 1, asked.clone()).await;
    assert_eq!((requests.len(), requests[0].uri().to_string()), (1, own.clone()));
    let said = format!("{:?}", turn_error(&*reply.unwrap_err()).unwrap());
    assert!(said.contains("no call of model `second` can go to `gemini`"), "{said}");

    let base = format!("{PROJECT}/publishers/google");
    let place = Place::of(&Route::new("gemini", "second"), &*base).unwrap();
    let (requests, reply) = call(&Turns::of(&with).place(place), 1, asked).await;
    assert_eq!(reply.unwrap(), 200);
    let uris: Vec<_> = requests.iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(uris, [own, format!("{base}/models/second:generateContent")]);
}

#[tokio::test]
async fn deployment_of_litellm_is_the_model_and_follows_it() {
    for before in ["openai/deployments", "engines"] {
        for body in [json!({"messages": []}), json!({"model": "not-read", "messages": []})] {
            let own = format!("http://gateway.test:4000/{before}/a/first/chat/completions?v=1");
            let session = session(&[("litellm", "a/first"), ("litellm", "second")]);
            let turns = Turns::of(&session).provider(Provider::LiteLlm);
            let (requests, reply) = call(&turns, 1, (&own, &[], body)).await;
            assert_eq!(reply.unwrap(), 200);
            let uris: Vec<_> = requests.iter().map(|request| request.uri().to_string()).collect();
            assert_eq!(uris, [own.clone(), own.replace("a/first", "second")]);
        }
    }
}

#[tokio::test]
async fn signed_request_is_sent_as_it_was_signed_or_not_at_all() {
    const CONVERSE: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model";
    let url = format!("{CONVERSE}/first/converse");
    let signature =
        "AWS4-HMAC-SHA256 Credential=A/20261130/us-east-1/bedrock/aws4_request, Signature=b";
    let signed = [("authorization", signature), ("x-amz-date", "20261130T000000Z")];
    let body = json!({"messages": []});
    let routes = [("bedrock", "first"), ("bedrock", "second"), ("other", "third")];
    let by_query = format!("{url}?X-Amz-Signature=b");
    for (url, headers) in [(&*url, &signed[..]), (&*by_query, &[])] {
        let session = session(&routes);
        let third = Route::new("other", "third");
        let base = "https://bedrock-runtime.eu-west-1.amazonaws.com";
        let without = Turns::of(&session).place(Place::of(&third, base).unwrap());
        let (requests, reply) = call(&without, 1, (url, headers, body.clone())).await;
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert_eq!(requests[0].body(), &body.to_string());
        let said = format!("{:?}", turn_error(&*reply.unwrap_err()).unwrap());
        assert!(said.contains("the request is signed for another URL or body"), "{said}");

        // A key needs no signature.
        let place = Place::of(&third, base).unwrap().key("ABSK").unwrap();
        let (requests, reply) =
            call(&Turns::of(&session).place(place), 1, (url, headers, body.clone())).await;
        assert_eq!((reply.unwrap(), requests.len()), (200, 2));
        assert_eq!(text(requests[1].headers(), "authorization"), "Bearer ABSK");
        assert_eq!(requests[1].uri(), &*format!("{base}/model/third/converse"));
    }
    // It is not made to ask for usage.
    let session = session(&[("bedrock", "first")]);
    let chat = "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions";
    let body = json!({"model": "first", "stream": true});
    let turns = Turns::of(&session).ask_for_usage();
    let (requests, _) = call(&turns, 0, (chat, &signed, body.clone())).await;
    assert_eq!(requests[0].body(), &body.to_string());
}

#[tokio::test]
async fn base_of_a_place_may_have_a_query() {
    let base = "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21";
    for (query, expected) in
        [("", "api-version=2024-10-21"), ("?v=1&api-version=1", "api-version=2024-10-21&v=1")]
    {
        let asked = (&*format!("{CHAT}{query}"), &[][..], json!({"model": "first"}));
        let sent = elsewhere(base, Some("theirs"), asked).await;
        let path = "https://x.openai.azure.com/openai/deployments/d/chat/completions";
        assert_eq!(sent.uri().to_string(), format!("{path}?{expected}"));
        assert_eq!(text(sent.headers(), "api-key"), "theirs");
    }
}

#[tokio::test]
async fn body_that_names_no_model_names_one_elsewhere() {
    let url = "https://x.openai.azure.com/openai/deployments/first/chat/completions?api-version=1";
    for body in [json!({"messages": []}), json!({"model": null, "messages": []})] {
        let sent = elsewhere("https://api.openai.com/v1", None, (url, &[], body)).await;
        let body: Value = serde_json::from_slice(sent.body()).unwrap();
        assert_eq!(body, json!({"model": "second", "messages": []}));
    }
    // Gemini's path does.
    let (url, body) = (format!("{GEMINI}/first:generateContent"), json!({"contents": []}));
    let sent = elsewhere("https://proxy.test/v1beta", None, (&url, &[], body.clone())).await;
    assert_eq!(sent.body(), &body.to_string());
}

#[tokio::test]
async fn key_is_where_the_api_takes_it() {
    let chat = (CHAT, json!({"model": "first", "messages": []}));
    let messages = ("https://api.anthropic.com/v1/messages", chat.1.clone());
    let gemini = format!("{GEMINI}/first:generateContent");
    let gemini = (&*gemini, json!({"contents": []}));
    for ((url, body), base, key, name, value) in [
        (&chat, "https://api.groq.com/openai/v1", "theirs", "authorization", "Bearer theirs"),
        (&chat, "https://x.openai.azure.com/openai/v1", "theirs", "api-key", "theirs"),
        // A token of Entra is no key either.
        (&chat, "https://x.openai.azure.com/openai/v1", "eyJ0", "authorization", "Bearer eyJ0"),
        // The endpoint that is compatible with OpenAI's clients takes their header.
        (&chat, "https://api.anthropic.com/v1", "theirs", "authorization", "Bearer theirs"),
        (&messages, "https://api.anthropic.com/v1", "theirs", "x-api-key", "theirs"),
        (&gemini, "https://generativelanguage.googleapis.com/v1", "AIza", "x-goog-api-key", "AIza"),
        // A token of Google Cloud is no key of an API.
        (
            &gemini,
            "https://aiplatform.googleapis.com/v1",
            "ya29.t",
            "authorization",
            "Bearer ya29.t",
        ),
        // As it comes from a file.
        (&chat, "https://api.groq.com/openai/v1", "theirs\n", "authorization", "Bearer theirs"),
    ] {
        let sent = elsewhere(base, Some(key), (url, &[("x-api-key", "own")], body.clone())).await;
        let keys = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
        for other in keys {
            let expected = if other == name { value } else { "" };
            assert_eq!(text(sent.headers(), other), expected, "{other} at {base}");
        }
    }
}

#[tokio::test]
async fn key_at_a_host_that_is_not_known_is_as_the_provider_of_the_route_takes_it() {
    let body = json!({"model": "first", "messages": []});
    let own = [("authorization", "Bearer own")];
    for (provider, base, name, value) in [
        ("azure", "https://llm.our.test/openai/deployments/d", "api-key", "theirs"),
        ("azure", "https://llm.our.test/openai/v1", "api-key", "theirs"),
        ("our-gateway", "https://llm.our.test/openai/v1", "authorization", "Bearer theirs"),
        // The host says more than a name.
        ("azure", "https://api.groq.com/openai/v1", "authorization", "Bearer theirs"),
    ] {
        let sent = at_place_of(provider, base, Some("theirs"), (CHAT, &own, body.clone())).await;
        assert_eq!(text(sent.headers(), name), value, "{provider} {base}");
        let keys = ["authorization", "api-key"];
        let has = keys.iter().filter(|key| sent.headers().contains_key(**key)).count();
        assert_eq!(has, 1, "{provider} {base}");
    }
}
