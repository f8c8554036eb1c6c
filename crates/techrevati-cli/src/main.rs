//! `techrevati`: looks at the event logs of agent runs.

mod source;

fn main() {
    let mut args = std::env::args().skip(1);
    let (input, output) = (args.next().expect("log"), args.next().expect("out"));
    let whole = source::read(input.as_ref()).expect("readable");
    let timeline = runtime_report::Timeline::read(&whole.events).unread(whole.unknown.len() as u64);
    let options = runtime_report::html::Options::default().title(input);
    std::fs::write(output, timeline.html(&options)).expect("writable");
}
