//! Numbers that stand for an error in place of a name. Each is read as a name: the field that has it, and the
//! number. The sources are in `docs/faults.md`.

/// `MiniMax`'s `base_resp`.
pub(super) const MINIMAX_RATE: &[&str] =
    &["status_code 1002", "status_code 1039", "status_code 1041", "status_code 2045"];
/// No balance, and the allowance of a plan.
pub(super) const MINIMAX_SPENT: &[&str] = &["status_code 1008", "status_code 2056"];
pub(super) const MINIMAX_KEY: &[&str] = &["status_code 1004", "status_code 2049"];
pub(super) const MINIMAX_CONTENT: &[&str] = &["status_code 1026", "status_code 1027"];
pub(super) const MINIMAX_LATE: &[&str] = &["status_code 1001"];
pub(super) const MINIMAX_FAILED: &[&str] =
    &["status_code 1000", "status_code 1024", "status_code 1033"];
pub(super) const MINIMAX_WRONG: &[&str] =
    &["status_code 1042", "status_code 2013", "status_code 20132"];

/// Baidu's first API. Of its rates, 4 is that of a whole cluster.
pub(super) const BAIDU_RATE: &[&str] =
    &["error_code 4", "error_code 18", "error_code 336501", "error_code 336502"];
/// The day's requests, or an account without money; and all requests of a free API.
pub(super) const BAIDU_SPENT: &[&str] = &["error_code 17", "error_code 19"];
pub(super) const BAIDU_KEY: &[&str] = &[
    "error_code 6",
    "error_code 13",
    "error_code 14",
    "error_code 100",
    "error_code 110",
    "error_code 111",
];
pub(super) const BAIDU_BUSY: &[&str] = &["error_code 2"];
pub(super) const BAIDU_FAILED: &[&str] = &["error_code 1", "error_code 15", "error_code 336000"];
pub(super) const BAIDU_WRONG: &[&str] =
    &["error_code 3", "error_code 336001", "error_code 336002", "error_code 336003"];

/// iFlytek's Spark, in its own API and, as texts, in that of `OpenAI`.
pub(super) const SPARK_RATE: &[&str] =
    &["code 10007", "code 11202", "code 11203", "11202", "11203"];
/// A day's calls.
pub(super) const SPARK_SPENT: &[&str] = &["code 11201", "11201"];
/// No right to the model, or no tokens left: the two have one number.
pub(super) const SPARK_KEY: &[&str] = &["code 10016", "code 11200", "11200"];
pub(super) const SPARK_CONTENT: &[&str] =
    &["code 10013", "code 10014", "code 10019", "10013", "10014", "10019"];
pub(super) const SPARK_LONG: &[&str] = &["code 10907", "10907"];
pub(super) const SPARK_BUSY: &[&str] = &["code 10008", "code 10110"];

/// JSON-RPC, as MCP has it.
pub(super) const RPC_WRONG: &[&str] = &["code -32700", "code -32600", "code -32601", "code -32602"];
pub(super) const RPC_FAILED: &[&str] = &["code -32603"];

/// gRPC, whose gateways write a stream's error with the number of its status.
pub(super) const GRPC_WRONG: &[&str] = &["code 3", "code 11"];
pub(super) const GRPC_KEY: &[&str] = &["code 7", "code 16"];
pub(super) const GRPC_RATE: &[&str] = &["code 8"];
pub(super) const GRPC_FAILED: &[&str] = &["code 2", "code 13", "code 15"];
pub(super) const GRPC_BUSY: &[&str] = &["code 14"];

/// All of them.
pub(super) const KNOWN: &[&[&str]] = &[
    MINIMAX_RATE,
    MINIMAX_SPENT,
    MINIMAX_KEY,
    MINIMAX_CONTENT,
    MINIMAX_LATE,
    MINIMAX_FAILED,
    MINIMAX_WRONG,
    BAIDU_RATE,
    BAIDU_SPENT,
    BAIDU_KEY,
    BAIDU_BUSY,
    BAIDU_FAILED,
    BAIDU_WRONG,
    SPARK_RATE,
    SPARK_SPENT,
    SPARK_KEY,
    SPARK_CONTENT,
    SPARK_LONG,
    SPARK_BUSY,
    RPC_WRONG,
    RPC_FAILED,
    GRPC_WRONG,
    GRPC_KEY,
    GRPC_RATE,
    GRPC_FAILED,
    GRPC_BUSY,
];
