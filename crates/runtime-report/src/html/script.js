"use strict";
{
  const get = (id) => document.getElementById(id);
  const rows = [...get("events").tBodies[0].rows];
  const [who, find, count] = ["who", "find", "count"].map(get);
  const texts = new Map();
  const text = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
    return texts.get(row);
  };
  /* A role stands for all of its agents. */
  const isOf = (cell, agent) => cell.textContent === agent || cell.firstChild?.textContent === agent;
  const filter = () => {
    const [agent, words] = [who.value, find.value.toLowerCase().split(/\s+/).filter(Boolean)];
    let shown = 0;
    for (const row of rows) {
      const hit = (!agent || isOf(row.cells[2], agent)) && words.every((word) => text(row).includes(word));
      row.hidden = !hit;
      shown += hit;
    }
    count.textContent = agent || words.length ? shown + " of " + rows.length : "";
  };
  let timer;
  find.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 120); });
  who.addEventListener("change", filter);
  for (const part of document.querySelectorAll(".js")) part.hidden = false;
  /* A link into the table must find its row. */
  addEventListener("hashchange", () => {
    const row = document.querySelector(":target");
    if (row && row.hidden) { who.value = find.value = ""; filter(); row.scrollIntoView(); }
  });
  const add = (to, tag, ...parts) => {
    const made = document.createElement(tag);
    made.append(...parts);
    to.append(made);
    return made;
  };
  /* The facts of a span: its name and its bar's label in full, its first and its last event. */
  const facts = (span) => {
    const box = document.createElement("div");
    box.className = "facts";
    add(box, "strong", span.querySelector(".n").textContent);
    box.append(" ", span.querySelector("b").textContent);
    for (const id of [span.dataset.b && "e" + span.dataset.b, span.hash.slice(1)]) {
      const row = id && get(id);
      if (!row) continue;
      const line = add(box, "p");
      add(line, "a", row.cells[1].textContent + " s").href = "#" + id;
      line.append(" ", row.cells[3].textContent, " ", ...row.cells[4].cloneNode(true).childNodes);
    }
    return box;
  };
  /* Without this, a click on a span leads to its event. */
  document.addEventListener("click", (click) => {
    const span = click.target.closest("a.r");
    if (!span || click.ctrlKey || click.metaKey || click.shiftKey) return;
    click.preventDefault();
    const shown = span.nextElementSibling;
    if (shown?.className === "facts") shown.remove();
    else span.after(facts(span));
  });
}
