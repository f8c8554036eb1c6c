{
  const add = (to, tag, parts, set = {}) => {
    const made = Object.assign(document.createElement(tag), set);
    made.append(...parts);
    to.append(made);
    return made;
  };
  const ask = add(add(document.body, "section", []), "form", [], { className: "filter" });
  const tenant = add(add(ask, "label", ["tenant "]), "select", []);
  for (const name of ["acme", "globex"]) add(tenant, "option", [name]);
  const question = add(ask, "input", [], { type: "search", size: 50, value: "Please refund order A-7." });
  add(ask, "button", ["Ask"]);
  const runs = add(document.body, "div", []);
  const post = (path, body) =>
    fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

  /* One run: its waterfall, its questions, its end. */
  const watch = (path, title) => {
    const box = document.createElement("section");
    runs.prepend(box);
    add(box, "h2", [title]);
    const [waterfall, said] = [new Waterfall(add(box, "div", [])), add(box, "p", [])];
    const events = new EventSource(path + "/events");
    events.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      waterfall.append(event);
      if (event.event === "agent.paused") {
        said.replaceChildren(event.detail + " ");
        for (const [name, approve] of [["Yes", true], ["No", false]])
          add(said, "button", [name]).onclick = () => post(path + "/approval", { question: event.detail, approve });
      } else if (event.event === "agent.resumed") said.replaceChildren();
    };
    events.addEventListener("missed", ({ data }) => {
      add(box, "p", [JSON.parse(data).missed + " events were missed"], { className: "note" });
    });
    /* Without this, the browser would ask again. */
    events.addEventListener("end", ({ data }) => {
      events.close();
      const { answer, error } = JSON.parse(data);
      said.replaceChildren(answer ?? "✕ " + error);
    });
  };
  ask.onsubmit = async (submitted) => {
    submitted.preventDefault();
    const reply = await post("/runs", { tenant: tenant.value, question: question.value });
    const body = await reply.json();
    if (reply.ok) watch("/runs/" + body.id, tenant.value + ": " + question.value);
    else add(runs, "p", [body.error], { className: "note" });
  };
  /* A link to a run: `/#` and its id. */
  if (location.hash) watch("/runs/" + encodeURIComponent(location.hash.slice(1)), location.hash.slice(1));
}
