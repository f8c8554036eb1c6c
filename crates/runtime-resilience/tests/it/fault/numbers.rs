//! Numbers that stand for a name: `MiniMax`, Baidu, JSON-RPC.

use runtime_resilience::{Fault, Provider};
use serde_json::json;

use super::{
    AUTH, Facts, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER, TIMEOUT, facts, now, read,
};

#[test]
fn minimax_says_by_a_number_what_went_wrong() {
    let cases: [(i64, Facts); 8] = [
        (1000, SERVER),
        (1001, TIMEOUT),
        (1002, RATE),
        (1004, AUTH),
        (1008, QUOTA),
        (1026, POLICY),
        (2013, REQUEST),
        (2056, QUOTA),
    ];
    for (number, expected) in cases {
        let body = json!({"base_resp": {"status_code": number, "status_msg": "…"}});
        let fault = read(Provider::MiniMax, 200, &[], &body.to_string());
        assert_eq!((fault.kind, fault.retry), (expected.0, expected.1), "{number}");
    }
}

#[test]
fn baidu_says_by_a_number_what_went_wrong() {
    let cases: [(i64, Facts); 7] = [
        (2, OVERLOAD),
        (6, AUTH),
        (17, QUOTA),
        (18, RATE),
        (110, AUTH),
        (336_000, SERVER),
        (336_003, REQUEST),
    ];
    for (number, expected) in cases {
        let body = json!({"error_code": number, "error_msg": "…"});
        let fault = read(Provider::Baidu, 200, &[], &body.to_string());
        assert_eq!((fault.kind, fault.retry), (expected.0, expected.1), "{number}");
    }
    // Behind a gateway, it says the same.
    let body = json!({"error_code": 18, "error_msg": "…"});
    assert_eq!(facts(&read(Provider::Other, 400, &[], &body.to_string())), RATE);
}

#[test]
fn json_rpc_says_by_a_number_whose_fault_it_is() {
    for (number, expected) in [(-32602, REQUEST), (-32603, SERVER)] {
        let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": number, "message": "…"}});
        let fault = Fault::from_stream_error(Provider::Other, &error, now());
        assert_eq!((fault.kind, fault.retry), (expected.0, expected.1), "{number}");
    }
}

#[test]
fn the_number_of_a_status_is_no_name() {
    let body = json!({"error": {"code": 503, "message": "…"}}).to_string();
    assert_eq!(facts(&read(Provider::Other, 503, &[], &body)), OVERLOAD);
}
