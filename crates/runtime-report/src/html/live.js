"use strict";
/* The waterfall of a run that goes on: `new Waterfall(element).append(event)`, for each event as JSON has
   it. Texts of events are only ever set as texts. */
class Waterfall {
  static kinds = { started: "session", turn_started: "turn", attempt_started: "attempt", tool_called: "tool", wait_started: "wait" };
  static classes = { session: "se", turn: "tu", attempt: "at", tool: "to", wait: "wa" };
  static signs = { cancelled: "∅ cancelled · ", timed_out: "✕ timed out · ", panicked: "✕ panicked · " };
  static marks = {
    "recovery.attempted": ["re", "◆"], "recovery.provider_switched": ["re", "◆"], "recovery.succeeded": ["ok", "◆"],
    "recovery.failed": ["no", "◆"], "recovery.escalated": ["no", "◆"], blocked: ["no", "⊘"], budget_mark: ["wa", "●"],
    "phase.gate_failed": ["no", "●"], "phase.gate_passed": ["ok", "●"], handed_over: ["ha", "●"], policy_decided: ["ha", "●"],
  };
  constructor(to) {
    this.to = to;
    to.classList.add("w");
    /* Spans by their ids, the latest of each; sessions by theirs, with their own spans; everything that stands
       on the axis. */
    [this.spans, this.sessions, this.placed] = [new Map(), new Map(), []];
    [this.began, this.end] = [0, 1];
  }
  append(event) {
    const name = event.event.replace("agent.", "");
    const session = this.session(event);
    const at = session.began + (event.elapsed_ns ?? 0) / 1e6;
    this.end = Math.max(this.end, at);
    const kind = Waterfall.kinds[name];
    const open = session.spans.get(event.span);
    if (kind && event.span && !event.outcome && !open) {
      const { data = {} } = event;
      const title = kind === "session" ? event.role : data.model ?? data.tool ?? data.for ?? data.provider ?? "";
      /* A child session's parent is of another session. */
      const parent = session.spans.get(event.parent) ?? this.spans.get(event.parent);
      const row = this.row(kind, kind === "attempt" ? data.provider ?? title : title, at, parent);
      session.spans.set(event.span, row);
      this.spans.set(event.span, row);
      if (kind === "session") session.root = event.span;
    } else if (open && event.outcome) {
      this.finish(open, at, event);
    }
    if (name === "paused") {
      session.pause = this.row("wait", "input", at, session.spans.get(event.span ?? session.root));
      session.pause.note = event.detail;
    } else if (session.pause && (name === "resumed" || (event.outcome && event.span === session.root))) {
      const gaveUp = name !== "resumed" || event.detail === "gave up waiting";
      this.finish(session.pause, at, { outcome: gaveUp ? "cancelled" : "ok" });
      session.pause = undefined;
    }
    if (Waterfall.marks[name]) this.mark(session, at, Waterfall.marks[name], event);
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }
  /* Sessions are placed against each other by the wall clock, once each. */
  session(event) {
    const key = event.session_id ?? "";
    if (!this.sessions.has(key)) {
      const began = Date.parse(event.emitted_at) - (event.elapsed_ns ?? 0) / 1e6;
      this.began ||= began;
      this.sessions.set(key, { began: began - this.began, spans: new Map() });
    }
    return this.sessions.get(key);
  }
  make(to, tag, classes, ...parts) {
    const made = document.createElement(tag);
    made.className = classes;
    made.append(...parts);
    to.append(made);
    return made;
  }
  row(kind, title, start, parent) {
    const depth = parent ? parent.depth + 1 : 0;
    const group = this.make(parent?.group ?? this.to, "div", "");
    const row = this.make(group, "div", "r open");
    const head = this.make(row, "span", "n");
    head.style.setProperty("--d", Math.min(depth, 8));
    if (kind === "session") this.make(head, "strong", "", title);
    else head.append(this.make(head, "small", "", kind), " ", title);
    const bar = this.make(row, "span", "t");
    this.make(bar, "i", Waterfall.classes[kind]);
    const span = { depth, group, row, bar, start, label: this.make(bar, "b", "") };
    this.placed.push(span);
    return span;
  }
  finish(span, at, { outcome, failure_class, data = {} }) {
    const is = { ok: "", cancelled: "gone" }[outcome] ?? "bad";
    const failure = outcome === "cancelled" ? undefined : failure_class;
    Object.assign(span, { stop: at, failure, cost: data.cost_usd });
    span.sign = Waterfall.signs[outcome] ?? (is === "bad" ? "✕ " : "");
    span.row.className = ("r " + is).trim();
  }
  mark(session, at, [kind, sign], event) {
    if (!session.marks) {
      const group = session.spans.get(session.root)?.group ?? this.to;
      const row = this.make(group, "div", "r m");
      const head = this.make(row, "span", "n");
      this.make(head, "small", "", "events");
      head.style.setProperty("--d", 1);
      session.marks = this.make(row, "span", "t");
    }
    const mark = this.make(session.marks, "a", kind, sign);
    mark.title = event.event + (event.detail ? ": " + event.detail : "");
    this.placed.push({ mark, start: at });
  }
  time(ms) {
    return ms < 1 ? (ms * 1e3).toFixed(0) + " µs" : ms < 1e3 ? ms.toFixed(0) + " ms" : (ms / 1e3).toFixed(2) + " s";
  }
  /* All of it, since the axis has grown. */
  draw() {
    this.drawing = undefined;
    const percent = (at) => (at / this.end) * 100;
    for (const { mark, bar, label, start, stop, sign, failure, cost, note } of this.placed) {
      if (mark) { mark.style.left = percent(start) + "%"; continue; }
      const [left, width] = [percent(start), percent((stop ?? this.end) - start)];
      bar.style.setProperty("--l", left + "%");
      bar.style.setProperty("--w", width + "%");
      label.className = left + width < 62 ? "" : left > 45 ? "e" : "o";
      const said = [(stop === undefined ? "… " : sign) + this.time((stop ?? this.end) - start)];
      if (cost) said.push("$" + cost);
      if (failure) said.push(failure);
      if (note) said.push(note);
      label.textContent = said.join(" · ");
    }
  }
}
