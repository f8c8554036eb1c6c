//! Tests of `runtime-report` through its public face.
