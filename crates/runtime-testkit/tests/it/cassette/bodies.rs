//! Bodies: bytes in pieces, for layers around clients.

use std::future::poll_fn;

use runtime_testkit::cassette::{Begun, Port, Tape};
use serde_json::{Value, json};

use super::{Case, block_on};

const ASKED: &str = "request";

fn record(tape: &Tape, pieces: &[&[u8]]) {
    let Ok(Begun::Live(mut call)) = tape.begin(Port::Http, "", json!(ASKED)) else {
        panic!("it records");
    };
    call.open(json!({ "status": 200 }));
    for piece in pieces {
        call.piece(piece);
    }
    call.done();
}

fn play(tape: &Tape) -> (Value, Vec<Vec<u8>>) {
    let Ok(Begun::Known(mut replay)) = tape.begin(Port::Http, "", json!(ASKED)) else {
        panic!("it plays");
    };
    block_on(async {
        let head = replay.opened().await.unwrap().clone();
        let mut pieces = Vec::new();
        while let Some(piece) = poll_fn(|cx| replay.poll_piece(cx)).await {
            pieces.push(piece.unwrap());
        }
        assert!(replay.is_over());
        (head, pieces)
    })
}

#[test]
fn pieces_are_kept_byte_for_byte() {
    let case = Case::new();
    // The second and third are halves of a character; the last are no text.
    let pieces: [&[u8]; 6] = [b"data: 1\n\n", b"\xc3", b"\xa9", b"", b"\n", b"\xff\x00\x80"];
    record(&case.record(), &pieces);
    assert_eq!(play(&case.play()), (json!({ "status": 200 }), pieces.map(<[u8]>::to_vec).to_vec()));
}

#[test]
fn a_secret_that_is_cut_by_the_end_of_a_piece_is_removed() {
    let case = Case::new();
    let pieces: [&[u8]; 3] = [
        b"data: {\"n\":1}\n\ndata: {\"key\":\"sk-ant-api03-9f8e7d6c",
        b"5b4a39281706f5e4d3c2b1a0\"}\n",
        b"\ndata: [DONE]\n\n",
    ];
    record(&case.record(), &pieces);
    assert!(!case.text().contains("9f8e7d6c") && !case.text().contains("5b4a3928"));
    let lines = [
        "data: {\"n\":1}\n",
        "\n",
        "data: {\"key\":\"[redacted]\"}\n",
        "\n",
        "data: [DONE]\n",
        "\n",
    ];
    let lines = lines.map(|line| line.as_bytes().to_vec());
    assert_eq!(play(&case.play()).1, lines);
}

#[test]
fn a_secret_in_a_body_that_is_not_all_text_is_removed() {
    let case = Case::new();
    // A frame with lengths around its text, as event streams have, and a text with a letter of another encoding.
    let pieces: [&[u8]; 3] = [
        b"\x00\x00\x00\xfe{\"key\":\"sk-ant-api03-9f8e7d6c",
        b"5b4a39281706f5e4d3c2b1a0\"}\x9c\x80",
        b"caf\xe9 password=hunter2\n",
    ];
    record(&case.record(), &pieces);
    // Each as text and as the digits of its bytes.
    for secret in [
        ["9f8e7d6c", "3966386537643663"],
        ["5b4a3928", "3562346133393238"],
        ["hunter2", "68756e74657232"],
    ] {
        assert!(secret.iter().all(|secret| !case.text().contains(secret)), "{}", case.text());
    }
    let played = play(&case.play()).1.concat();
    assert!(played.starts_with(b"\x00\x00\x00\xfe{"), "{played:?}");
    assert!(played.windows(6).any(|part| part == b"}\x9c\x80caf"), "{played:?}");
}

#[test]
fn the_head_of_a_stream_has_no_secrets() {
    let case = Case::new();
    let tape = case.record();
    let Ok(Begun::Live(mut call)) = tape.begin(Port::Http, "", json!(ASKED)) else {
        panic!("it records");
    };
    let location = "https://ann:hunter2hunter2@example.com/";
    call.open(json!({ "status": 303, "headers": [["location", location]] }));
    call.done();
    assert!(!case.text().contains("hunter2"), "{}", case.text());
}
